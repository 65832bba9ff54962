// Do the packets hold the sound that their levels promise? A few loud packets are decoded now and then to find out.
//
// Scrambled packets (end-to-end encryption) decode into noise or not at all; silence decodes into silence. Either way the
// decoded levels do not follow the levels that the sender put into the RTP headers (RFC 6464).

const LOUD_DB = 60; // -dBov; louder than this is sound
const WARM_UP = 4; // packets a decoder needs to settle
const SAMPLE = 20; // packets per check
const FIT_DB = 9; // median deviation that is still the same sound
const AGAIN_MS = { first: 1200, usual: 8000, settled: 30000 };

/** Root mean square of a decoded piece, in dBov (negative). */
function decodedDb(audio) {
  const samples = new Float32Array(audio.numberOfFrames);
  audio.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 10 * Math.log10(sum / samples.length + 1e-13);
}

/** Decodes Opus packets; gives one level per packet, or throws. */
async function decodeLevels(packets) {
  const levels = [];
  let failure = null;
  const decoder = new native.AudioDecoder({
    output: (audio) => {
      levels.push(decodedDb(audio));
      audio.close();
    },
    error: (error) => (failure = error),
  });
  try {
    decoder.configure({ codec: 'opus', sampleRate: 48000, numberOfChannels: 2 });
    packets.forEach(({ payload }, i) =>
      decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: i * 20000, data: payload })),
    );
    await decoder.flush();
  } finally {
    if (decoder.state !== 'closed') decoder.close();
  }
  if (failure) throw failure;
  return levels;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** {fits, why, loud, off}: whether the decoded levels follow the promised ones. Pure, for tests. */
function compareLevels(promised, decoded) {
  if (decoded.length < promised.length) return { fits: false, why: 'packets do not decode' };
  const pairs = promised.map((level, i) => [level, decoded[i]]).slice(WARM_UP);
  const loud = Math.round(Math.max(...pairs.map(([, db]) => db)));
  const known = pairs.filter(([level]) => level < 90);
  if (!known.length) return { fits: loud > -LOUD_DB, why: 'no levels to compare with', loud };
  const off = Math.round(median(known.map(([level, db]) => Math.abs(db + level))));
  if (off <= FIT_DB) return { fits: true, why: 'decoded sound follows the levels', loud, off };
  return { fits: false, why: loud < -LOUD_DB ? 'decodes into silence' : 'decodes into noise', loud, off };
}

/** Collects packets of one stream and checks them when due. `report(result)` gets {fits, why, loud, off}. */
class Verifier {
  #packets = [];
  #loudFrom = -1;
  #due = 0;
  #busy = false;
  #fitsInARow = 0;

  constructor(report) {
    this.report = report;
  }

  feed(level, payload) {
    const now = performance.now();
    if (this.#busy || now < this.#due) return;
    this.#packets.push({ level, payload: payload.slice() });
    if (this.#loudFrom < 0) {
      if (level <= LOUD_DB || (level === LEVEL_UNKNOWN && payload.length > 20)) this.#loudFrom = this.#packets.length;
      else if (this.#packets.length > WARM_UP) this.#packets.shift();
    } else if (this.#packets.length >= this.#loudFrom + SAMPLE) {
      this.#check(this.#packets);
      this.#packets = [];
      this.#loudFrom = -1;
    }
  }

  async #check(packets) {
    this.#busy = true;
    let result;
    try {
      result = compareLevels(packets.map((p) => p.level), await decodeLevels(packets));
    } catch (error) {
      result = { fits: false, why: `cannot be decoded: ${error.message ?? error}` };
    }
    this.#fitsInARow = result.fits ? this.#fitsInARow + 1 : 0;
    const pause = result.fits ? (this.#fitsInARow > 3 ? AGAIN_MS.settled : AGAIN_MS.usual) : AGAIN_MS.first;
    this.#due = performance.now() + pause;
    this.#busy = false;
    this.report(result);
  }
}
