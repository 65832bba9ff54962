// Keeps decoders idle while nobody looks: every frame is passed on, but as a 16x16 black intra picture.
//
// The decoder counts frames, asks for nothing and costs next to nothing. To look, we let it fail once on purpose: it asks
// its sender for a key frame, and from that key frame on it gets the real pictures. Proven live with all four codecs.

const TINY_PICTURES = {
  vp8: 'EAIAnQEqEAAQAABHCIWFiIWEiAICAAwNYAD+/6tQgA==',
  vp9: 'gkmDQgAA8AD2ADgkHBlwAAAwYAAAEL/8bIAA',
  h264: 'AAAAAWdCwAqmEXoQAAADABAAAAMDIPEiYRgAAAABaMhCAZSyAAAAAWWIgh+TFAAK4A==',
  av1: 'CgoAAAABn/jV8gCAMg8QAJeAEECCAAAQAFwTECk=',
};
const BROKEN = [0];
const tinyCache = new Map();

function tinyPicture(codec) {
  if (!tinyCache.has(codec) && TINY_PICTURES[codec]) {
    tinyCache.set(codec, Uint8Array.from(atob(TINY_PICTURES[codec]), (c) => c.charCodeAt(0)).buffer);
  }
  return tinyCache.get(codec)?.slice(0);
}

/** Decides what one video receiver's decoder gets. */
class Starver {
  #state = 'real'; // real: real pictures; tiny: black ones; waiting: black ones until the next key frame

  /** Changes the frame's data if need be. Called once per frame, after the frame was taped. */
  feed(frame, codec, isKey) {
    if (!look.isReal()) {
      const tiny = tinyPicture(codec);
      this.#state = tiny ? 'tiny' : 'real';
      if (tiny) frame.data = tiny;
    } else if (this.#state !== 'real') {
      this.#towardsReal(frame, codec, isKey);
    }
  }

  get isReal() {
    return this.#state === 'real';
  }

  #towardsReal(frame, codec, isKey) {
    if (isKey) {
      this.#state = 'real';
      return;
    }
    const ask = this.#state === 'tiny' && look.askKey;
    this.#state = 'waiting';
    frame.data = ask ? new Uint8Array(BROKEN).buffer : tinyPicture(codec);
  }
}
