// Packs records for the bot: 36-byte little-endian header, CSRCs, payload. The layout is tape/frame.py's PROBE_HEADER.
// Records travel in messages, each with a number in front.

const AUDIO = 0;
const VIDEO = 1;
const NOTE = 2;
const HEADER_BYTES = 36;
const NUMBER_BYTES = 4;
const FLAG_KEY = 1;
const FLAG_SEQUENCE = 4;
const LEVEL_UNKNOWN = 255;
const EMPTY = new Uint8Array(0);

/** A growing run of records. Reused after each `take`. */
class Batch {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  size = 0;

  /** `record`: {track, kind, at, rtp, ssrc, key, width, height, level, payloadType, sequence, csrcs}, `payload`: bytes. */
  add(record, payload) {
    const csrcs = record.csrcs ?? [];
    const total = HEADER_BYTES + 4 * csrcs.length + payload.byteLength;
    this.#reserve(total);
    const view = this.#view;
    const at = this.size;
    const numbered = record.sequence !== undefined;
    view.setUint32(at, total, true);
    view.setUint16(at + 4, record.track, true);
    view.setUint8(at + 6, record.kind);
    view.setUint8(at + 7, (record.key ? FLAG_KEY : 0) | (numbered ? FLAG_SEQUENCE : 0));
    view.setUint32(at + 8, record.rtp >>> 0, true);
    view.setUint32(at + 12, record.ssrc >>> 0, true);
    view.setFloat64(at + 16, record.at, true);
    view.setUint16(at + 24, record.width ?? 0, true);
    view.setUint16(at + 26, record.height ?? 0, true);
    view.setUint8(at + 28, record.level ?? LEVEL_UNKNOWN);
    view.setUint8(at + 29, record.payloadType ?? 0);
    view.setUint16(at + 30, numbered ? record.sequence : 0, true);
    view.setUint32(at + 32, csrcs.length, true);
    csrcs.forEach((csrc, i) => view.setUint32(at + HEADER_BYTES + 4 * i, csrc >>> 0, true));
    this.#bytes.set(payload, at + HEADER_BYTES + 4 * csrcs.length);
    this.size += total;
  }

  /** The records so far as a message. */
  take(number) {
    const message = new Uint8Array(NUMBER_BYTES + this.size);
    new DataView(message.buffer).setUint32(0, number, true);
    message.set(this.#bytes.subarray(0, this.size), NUMBER_BYTES);
    this.size = 0;
    return message;
  }

  #reserve(extra) {
    if (this.size + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.size + extra));
    grown.set(this.#bytes.subarray(0, this.size));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

const encoder = new TextEncoder();

/** A JSON note as a record's payload. */
const noteBytes = (note) => encoder.encode(JSON.stringify(note));

function base64(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** Linear level 0..1 of RFC 6464 (as getMetadata gives it) back to -dBov 0..127. */
function levelDb(linear) {
  if (linear === undefined || linear === null) return LEVEL_UNKNOWN;
  return linear <= 0 ? 127 : Math.max(0, Math.min(127, Math.round(-20 * Math.log10(linear))));
}
