// The encoded rung: every frame of a receiver goes to the tape before it is decoded, untouched.

const HOLD_MS = 1000;
const OUT_SILENT_MS = 2000;
const CHANGED_FRAMES = 10;
const REMEMBERED = 200;

/** A cheap mark by which to tell whether the page changed a frame. */
function fingerprint(bytes) {
  let mark = bytes.length;
  for (let i = 0; i < 8; i++) mark = (Math.imul(mark, 31) + bytes[i] + 7 * bytes[bytes.length - 1 - i]) | 0;
  return mark;
}

/**
 * Chooses the side of the page's own transform: what came over the network (`in`) or what the page passed on (`out`).
 *
 * A page that decrypts passes on other bytes than it got: they are what its decoder plays, so they are taped. A page
 * that only looks passes on the same. A page that decodes by itself passes on nothing. Frames are held until it is clear.
 */
class SideChooser {
  side = 'undecided';
  #held = [];
  #heldSince = 0;
  #marks = new Map();
  #changed = 0;
  #lastOut = 0;

  constructor(tape) {
    this.tape = tape;
  }

  incoming(read) {
    const now = performance.now();
    this.#remember(read.record.rtp, fingerprint(read.payload));
    if (this.side === 'out' && now - this.#lastOut > OUT_SILENT_MS) this.side = 'in';
    if (this.side === 'in') this.tape(read);
    if (this.side !== 'undecided') return;
    this.#heldSince ||= now;
    this.#held.push({ ...read, payload: read.payload.slice() });
    if (now - this.#heldSince > HOLD_MS) this.#choose('in');
  }

  outgoing(read) {
    this.#lastOut = performance.now();
    const same = this.#marks.get(read.record.rtp) === fingerprint(read.payload);
    if (this.side === 'undecided') this.#choose(same ? 'in' : 'out');
    this.#changed = same ? 0 : this.#changed + 1;
    if (this.side === 'in' && this.#changed > CHANGED_FRAMES) this.side = 'out';
    else if (this.side === 'out') this.tape(read);
  }

  /** The side in use holds no sound: tries the other one. */
  swap() {
    if (this.side !== 'undecided') this.side = this.side === 'in' ? 'out' : 'in';
    this.#changed = 0;
  }

  #choose(side) {
    this.side = side;
    if (side === 'in') this.#held.forEach(this.tape);
    this.#held = [];
  }

  #remember(rtp, mark) {
    this.#marks.set(rtp, mark);
    if (this.#marks.size > REMEMBERED) this.#marks.delete(this.#marks.keys().next().value);
  }
}

/** Tapes one receiver. Its `taps` go into a Junction. */
class EncodedTap {
  serving = true; // false: another rung serves; levels are still checked, nothing is taped
  csrcs = [];
  #read = null;
  #lastAt = -Infinity;
  #swapped = false;
  #loudest = LEVEL_UNKNOWN;
  #starver;

  /** `facts`: {kind, receiver, stream, mid}. */
  constructor(link, facts) {
    this.link = link;
    this.facts = facts;
    this.#starver = facts.kind === 'video' ? new PictureStarver() : new SoundStarver();
    // One object with the claim's: the stream's id comes later than the claim, with the remote description.
    this.track = new Track(link, Object.assign(facts, { rung: 'encoded' }));
    this.chooser = new SideChooser((read) => this.#tape(read));
    this.verifier = facts.kind === 'audio' ? new Verifier((result) => this.#checked(result)) : null;
    this.taps = {
      tapIn: (frame, hasPage) => this.#guard('tape', () => this.#came(frame, hasPage)),
      tapOut: (frame, hasPage) => this.#guard('forward', () => this.#goes(frame, hasPage)),
      ended: () => this.track.end(),
    };
  }

  /** Video: whether the decoder gets real pictures, and whether there are any. */
  get isReal() {
    return this.#starver.isReal;
  }

  get isMoving() {
    return performance.now() - this.#lastAt < 1000;
  }

  /** Audio: the loudest level (-dBov) since the last call. */
  takeLoudest() {
    const loudest = this.#loudest;
    this.#loudest = LEVEL_UNKNOWN;
    return loudest;
  }

  #guard(where, work) {
    try {
      return work();
    } catch (error) {
      this.link.fault(where, error);
      return undefined;
    }
  }

  #came(frame, hasPage) {
    this.#read = readFrame(frame);
    if (!this.#read) return;
    this.#lastAt = performance.now();
    this.csrcs = this.#read.record.csrcs ?? [];
    if (hasPage) this.chooser.incoming(this.#read);
    else this.#tape(this.#read);
  }

  #goes(frame, hasPage) {
    const read = hasPage ? readFrame(frame) : this.#read;
    if (!read) return;
    if (hasPage) this.chooser.outgoing(read);
    return this.#starver.feed(frame, read.codec, read.record.key);
  }

  #tape({ record, payload, codec }) {
    if (codec === 'opus') this.verifier?.feed(record.level, payload);
    if (this.serving) this.track.send(record, payload, codec);
    else this.#loudest = Math.min(this.#loudest, record.level);
  }

  #checked(result) {
    this.#starver.isProven = result.fits;
    if (!result.fits && !this.#swapped && this.chooser.side !== 'undecided') {
      this.#swapped = true;
      this.chooser.swap();
      return;
    }
    this.#swapped = false;
    this.link.note({ t: 'check', id: this.track.id, ...this.facts, ...result });
  }
}
