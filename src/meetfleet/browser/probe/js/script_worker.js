// Inside a worker: tapes what passes a script transform, the page's own or ours.

class WorkerHook {
  #pairs = new WeakMap();

  constructor(link) {
    this.link = link;
    this.taps = new TapSet(link.settings);
  }

  install() {
    const { prototype } = scope.RTCRtpScriptTransformer ?? {};
    const readable = prototype && Object.getOwnPropertyDescriptor(prototype, 'readable');
    const writable = prototype && Object.getOwnPropertyDescriptor(prototype, 'writable');
    if (!readable || !writable) return this;
    this.native = (transformer) => ({
      readable: Reflect.apply(readable.get, transformer, []),
      writable: Reflect.apply(writable.get, transformer, []),
    });
    scope.addEventListener('rtctransform', (event) => this.#ours(event));
    patchGetter(prototype, 'readable', (_, transformer) => this.#pair(transformer).readable);
    patchGetter(prototype, 'writable', (_, transformer) => this.#pair(transformer).writable);
    return this;
  }

  /** A transform that our own page script made. The page never sees its event. */
  #ours(event) {
    const options = event.transformer.options;
    if (!options?.[this.link.settings.commandEvent]) return;
    event.stopImmediatePropagation();
    new Junction(this.native(event.transformer), this.#lazyTaps(options.facts));
  }

  #pair(transformer) {
    if (!this.#pairs.has(transformer)) {
      this.#pairs.set(transformer, new Junction(this.native(transformer), this.#lazyTaps()).takeForPage());
    }
    return this.#pairs.get(transformer);
  }

  /** Whether it is a receiver's transform, and of which kind, shows with the first frame. */
  #lazyTaps(facts) {
    let tap = null;
    const tapFor = (frame) => {
      if (tap || !isReceived(frame)) return tap?.taps;
      this.link.open();
      tap = new EncodedTap(this.link, facts ?? { kind: frame.type === undefined ? 'audio' : 'video' });
      this.taps.add(tap);
      return tap.taps;
    };
    return {
      tapIn: (frame, hasPage) => tapFor(frame)?.tapIn(frame, hasPage),
      tapOut: (frame, hasPage) => tap?.taps.tapOut(frame, hasPage),
      ended: () => {
        tap?.taps.ended();
        this.taps.delete(tap);
      },
    };
  }
}
