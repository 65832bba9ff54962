// The raw and page rungs' common ground: decoded sound, cut and gated in one audio context of our own.

const TAP_RATE_HZ = 48000;
const SLOTS = 24;
const PREROLL_MS = 8000;
const ANCHOR_PIECES = 500;

/** One audio context with one worklet that listens to many inputs. Made at the first use, asleep while unused. */
class TapBoard {
  #ready = null;
  #free = Array.from({ length: SLOTS }, (_, i) => i);
  #listeners = new Map();
  #anchors = []; // latest (arrival - position) in ms; the smallest has waited least

  constructor(link) {
    this.link = link;
  }

  /** Opens an input; `listener(piece)` gets {frame, db, samples, at}. What is added to it is mixed. */
  async open(listener) {
    const { context, worklet } = await this.#start();
    const slot = this.#free.shift();
    if (slot === undefined) throw new Error('no free tap');
    this.#listeners.set(slot, listener);
    await context.resume();
    return {
      /** Adds what `makeNode(context)` gives; returns what takes it away again. */
      add: (makeNode) => {
        const node = makeNode(context);
        node.connect(worklet, 0, slot);
        return () => node.disconnect();
      },
      close: () => {
        this.#listeners.delete(slot);
        this.#free.push(slot);
        if (!this.#listeners.size) context.suspend();
      },
    };
  }

  #start() {
    this.#ready ??= this.#make();
    return this.#ready;
  }

  async #make() {
    const context = new native.AudioContext({ sampleRate: TAP_RATE_HZ, latencyHint: 'playback' });
    ownContexts.add(context);
    const name = this.link.settings.commandEvent;
    const source = `const TAP_NAME = ${JSON.stringify(name)};${this.link.settings.tapSource}`;
    const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    await context.audioWorklet.addModule(address);
    URL.revokeObjectURL(address);
    const worklet = new AudioWorkletNode(context, name, { numberOfInputs: SLOTS, numberOfOutputs: 1 });
    worklet.port.onmessage = ({ data }) => this.#pieces(data);
    worklet.connect(context.destination);
    return { context, worklet };
  }

  #pieces({ now, pieces }) {
    this.#anchors.push(epochMs() - (now / TAP_RATE_HZ) * 1000);
    if (this.#anchors.length > ANCHOR_PIECES) this.#anchors.shift();
    const anchor = Math.min(...this.#anchors);
    for (const piece of pieces) {
      piece.at = anchor + ((piece.frame + piece.samples.length) / TAP_RATE_HZ) * 1000;
      this.#listeners.get(piece.slot)?.(piece);
    }
  }
}

/** Audio contexts and media elements of ours, which the page rung must not listen to. */
const ownContexts = new WeakSet();
const ownElements = new WeakSet();

/** One stream of decoded sound: measured always, kept for some seconds, sent while it serves. */
class PcmTap {
  serving = false;
  loudest = -130; // since the last `meter`
  #kept = [];
  #lastAt = 0;

  /** `facts` go into the track; `around()` gives {csrcs, delayMs} of the moment. */
  constructor(link, facts, around = () => ({})) {
    this.track = new Track(link, { kind: 'audio', ...facts });
    this.around = around;
  }

  piece = ({ frame, db, samples, at: heardAt }) => {
    const at = (this.#lastAt = Math.max(this.#lastAt, heardAt));
    this.loudest = Math.max(this.loudest, db);
    const { csrcs = [], delayMs = 0 } = this.around();
    const level = Math.max(0, Math.min(127, Math.round(-db)));
    const record = { kind: AUDIO, at: at - delayMs, rtp: frame, ssrc: 0, key: true, level, csrcs };
    if (this.serving) this.#send(record, samples);
    else this.#keep(record, samples);
  };

  /** Sends from now on, and what is kept since `sinceMs`. */
  serve(sinceMs) {
    if (this.serving) return;
    this.serving = true;
    for (const [record, samples] of this.#kept) if (record.at >= sinceMs) this.#send(record, samples);
    this.#kept = [];
  }

  rest() {
    this.serving = false;
  }

  meter() {
    const loudest = Math.round(this.loudest);
    this.loudest = -130;
    return loudest;
  }

  #keep(record, samples) {
    this.#kept.push([record, samples]);
    while (this.#kept[0][0].at < record.at - PREROLL_MS) this.#kept.shift();
  }

  #send(record, samples) {
    this.track.send(record, new Uint8Array(samples.buffer), 'pcm_s16le');
  }
}
