// The page rung for sound: everything the page plays, mixed into one track.
//
// Two ways lead to the loudspeaker: audio nodes connected to a context's destination, and media elements. Nodes are
// noted as the page connects them and tapped a moment later, never while they are being made: an AudioWorkletNode
// pulled before its processor is ready can crash the renderer. Nothing here keeps a node or an element alive.

const SETTLE_MS = 120;

class SoundRung {
  armed = false;
  serving = false;
  #slot = null; // promise of the mix's input while in use
  #entries = new Set(); // {ref: WeakRef of a node, output, since, bridge}
  #byNode = new WeakMap();
  #bridges = new Map(); // the page's AudioContext -> {node, remove}
  #elements = new Set(); // WeakRefs
  #playing = new Map(); // id of a media stream track -> what stops our tap

  constructor(link, board) {
    this.link = link;
    this.board = board;
    this.pcm = new PcmTap(link, { rung: 'page', mix: true });
    link.onTick(() => this.#look());
  }

  install() {
    const { prototype } = scope.AudioNode ?? {};
    this.connect = prototype?.connect;
    this.disconnect = prototype?.disconnect;
    patchMethod(prototype, 'connect', (call, node, args) => {
      const result = call(...args);
      this.#connected(node, args[0], args[1] ?? 0);
      return result;
    });
    patchMethod(prototype, 'disconnect', (call, node, args) => {
      const result = call(...args);
      this.#disconnected(node, args[0]);
      return result;
    });
    const seen = new WeakSet();
    const note = (element) => {
      if (ownElements.has(element) || seen.has(element) || !(element instanceof HTMLMediaElement)) return;
      seen.add(element);
      this.#elements.add(new WeakRef(element));
      this.link.open();
    };
    watchSetter(scope.HTMLMediaElement?.prototype, 'srcObject', note);
    patchMethod(scope.HTMLMediaElement?.prototype, 'play', (call, element, args) => {
      note(element);
      return call(...args);
    });
    scope.addEventListener('playing', (event) => note(event.target), true);
  }

  arm(on) {
    this.armed = on;
    this.#look();
  }

  serve(on, sinceMs) {
    this.serving = on;
    if (on) this.pcm.serve(sinceMs);
    else this.pcm.rest();
    this.#look();
  }

  #connected(node, target, output) {
    if (!(target instanceof AudioDestinationNode) || !(target.context instanceof AudioContext)) return;
    if (ownContexts.has(target.context)) return;
    this.link.open();
    const entry = { ref: new WeakRef(node), output, since: performance.now(), bridge: null };
    this.#entries.add(entry);
    this.#byNode.set(node, entry);
  }

  #disconnected(node, target) {
    const entry = this.#byNode.get(node);
    if (!entry || (target !== undefined && !(target instanceof AudioDestinationNode) && target !== entry.output)) return;
    this.#entries.delete(entry);
    this.#byNode.delete(node);
    this.#unbridge(entry);
  }

  #look() {
    if (!this.armed && !this.serving) {
      this.#stop();
      return;
    }
    this.#slot ??= this.board.open(this.pcm.piece);
    this.#slot.then((slot) => this.#attach(slot)).catch((error) => this.link.fault('page sound', error));
  }

  #attach(slot) {
    const now = performance.now();
    for (const entry of this.#entries) {
      const node = entry.ref.deref();
      if (!node) this.#entries.delete(entry);
      else if (!entry.bridge && now - entry.since > SETTLE_MS) this.#bridge(slot, entry, node);
    }
    this.#attachElements(slot);
  }

  #bridge(slot, entry, node) {
    const { context } = node;
    if (!this.#bridges.has(context)) {
      const bridge = context.createMediaStreamDestination();
      const remove = slot.add((own) => own.createMediaStreamSource(bridge.stream));
      this.#bridges.set(context, { node: bridge, remove });
    }
    entry.bridge = this.#bridges.get(context).node;
    Reflect.apply(this.connect, node, [entry.bridge, entry.output]);
  }

  #unbridge(entry) {
    const node = entry.ref.deref();
    if (!node || !entry.bridge) return;
    try {
      Reflect.apply(this.disconnect, node, [entry.bridge, entry.output]);
    } catch {
      // the page's own disconnect() has done it
    }
    entry.bridge = null;
  }

  #attachElements(slot) {
    const audible = new Map();
    for (const ref of this.#elements) {
      const element = ref.deref();
      if (!element) this.#elements.delete(ref);
      else if (isAudible(element)) this.#tracksOf(element).forEach((track) => audible.set(track.id, track));
    }
    for (const [id, stop] of this.#playing) {
      if (!audible.has(id)) {
        stop();
        this.#playing.delete(id);
      }
    }
    for (const [id, track] of audible) {
      if (this.#playing.has(id)) continue;
      this.#playing.set(
        id,
        slot.add((own) => own.createMediaStreamSource(new native.MediaStream([track]))),
      );
    }
  }

  #captured = new WeakMap();

  #tracksOf(element) {
    if (element.srcObject instanceof native.MediaStream) return liveAudio(element.srcObject);
    if (!this.#captured.has(element)) this.#captured.set(element, element.captureStream());
    return liveAudio(this.#captured.get(element));
  }

  #stop() {
    if (!this.#slot) return;
    this.#entries.forEach((entry) => this.#unbridge(entry));
    this.#bridges.forEach(({ remove }) => remove());
    this.#playing.forEach((stop) => stop());
    this.#bridges.clear();
    this.#playing.clear();
    this.#slot.then((slot) => slot.close(), nothing);
    this.#slot = null;
  }
}

const liveAudio = (stream) => stream.getAudioTracks().filter((track) => track.readyState === 'live');

const isAudible = (element) => !element.paused && !element.muted && element.volume > 0 && element.readyState >= 2;
