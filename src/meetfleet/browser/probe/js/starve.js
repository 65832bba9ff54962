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
class PictureStarver {
  #state = 'real'; // real: real pictures; tiny: black ones; waiting: black ones until the next key frame

  /** Changes the frame's data if need be. Called once per frame, after the frame was taped. Says if the frame may wait. */
  feed(frame, codec, isKey) {
    if (!look.isReal()) {
      const tiny = tinyPicture(codec);
      this.#state = tiny ? 'tiny' : 'real';
      if (!tiny) return undefined;
      frame.data = tiny;
      return isKey ? undefined : HOLD;
    }
    if (this.#state !== 'real') this.#towardsReal(frame, codec, isKey);
    return undefined;
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

/** Whether nobody listens to decoded sound: the bot knows, because it chooses the rung. */
const ear = { starve: false };

/** Opus silence that lasts as long as the packet which begins like this; null for lengths nobody sends. */
function silentPacket([toc, count]) {
  const config = toc >> 3;
  const lengthMs = config < 12 ? [10, 20, 40, 60][config & 3] : config < 16 ? [10, 20][config & 1] : [2.5, 5, 10, 20][config & 3];
  const frames = [1, 2, 2, count & 63][toc & 3];
  const units = (lengthMs * frames) / 20;
  if (units === 0.5) return [0xf0, 0xff, 0xfe];
  if (units === 1) return [0xf8, 0xff, 0xfe];
  return Number.isInteger(units) && units > 1 && units <= 6 ? [0xfb, units, ...Array(units).fill([0xff, 0xfe]).flat()] : null;
}

/**
 * Decides what one audio receiver's decoder gets: silence of the same length while nobody listens. Levels and sources of
 * speech stand in the RTP headers, so the page still sees who speaks, and how loud.
 */
class SoundStarver {
  isProven = false; // the packets were found to hold the sound that their levels promise

  feed(frame, codec) {
    if (!ear.starve || !this.isProven || codec !== 'opus') return;
    const silence = silentPacket(new Uint8Array(frame.data, 0, 2));
    if (silence) frame.data = Uint8Array.from(silence).buffer;
  }
}
