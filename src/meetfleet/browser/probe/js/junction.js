// Where a native pair of encoded streams meets the page's own transform, if it has one: now, later, or never.
//
// A native pair can be taken once per receiver and must be piped through, or media stops. So we take it, and a page that
// asks for the pair gets one of ours: `tapIn` sees frames before its transform, `tapOut` after it.

const PAGE_QUEUE = 60; // what Chromium itself holds for a transform that does not read
const HOLD_MOST = 30;
const HOLD = 'hold';

/** Junctions with frames that may wait: writing many at once wakes the media thread once. */
const holding = new Set();
const releaseHeld = () => holding.forEach((junction) => junction.release());

class Junction {
  #reader;
  #writer;
  #pageInput = null;
  #open = true;
  #held = [];

  /** `taps`: {tapIn(frame, hasPage), tapOut(frame, hasPage), ended()}; each is optional. */
  constructor(streams, taps = {}) {
    this.taps = taps;
    this.#reader = streams.readable.getReader();
    this.#writer = streams.writable.getWriter();
    this.#writer.closed.then(nothing, () => this.#end());
    this.#next();
  }

  get hasPage() {
    return this.#pageInput !== null;
  }

  /** The pair for the page, once: like the native one it refuses a second call. */
  takeForPage() {
    if (this.#pageInput) throw new DOMException('Encoded streams already created', 'InvalidStateError');
    const readable = new ReadableStream(
      { start: (controller) => (this.#pageInput = controller), cancel: nothing },
      { highWaterMark: 0 },
    );
    const writable = new WritableStream({ write: (frame) => this.#forward(frame) });
    return { readable, writable };
  }

  #next() {
    this.#reader.read().then(this.#arrived, () => this.#end());
  }

  #arrived = ({ value: frame, done }) => {
    if (done) {
      this.#end();
      return;
    }
    this.taps.tapIn?.(frame, this.hasPage);
    if (!this.#pageInput) this.#forward(frame);
    else if (this.#pageInput.desiredSize > -PAGE_QUEUE) this.#pageInput.enqueue(frame);
    this.#next();
  };

  /** Writes what was held back, in its order. */
  release() {
    holding.delete(this);
    for (const frame of this.#held.splice(0)) this.#writer.write(frame).catch(nothing);
  }

  #forward(frame) {
    if (!this.#open) return;
    const mayWait = this.taps.tapOut?.(frame, this.hasPage) === HOLD;
    this.#held.push(frame);
    if (mayWait && this.#held.length < HOLD_MOST) holding.add(this);
    else this.release();
  }

  #end() {
    if (!this.#open) return;
    this.#open = false;
    this.#held = [];
    holding.delete(this);
    try {
      this.#pageInput?.close();
    } catch {
      // the page has cancelled its side
    }
    this.taps.ended?.();
  }
}
