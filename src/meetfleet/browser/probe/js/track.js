// A track as the tape knows it, and the reading of an encoded frame.

const CLOCK_RATE = { opus: 48000, pcm_s16le: 48000, pcmu: 8000, pcma: 8000, g722: 8000 };
let trackCount = 0;

/** One track of this script's life. Told to the bot before its first frame and when its codec or source changes. */
class Track {
  #told = '';

  /** `facts`: {kind: 'audio'|'video', rung, stream, mid, of, mix}. `of` names the encoded track that a raw one repeats. */
  constructor(link, facts) {
    this.id = trackCount++;
    this.link = link;
    this.facts = facts;
  }

  send(record, payload, codec) {
    if (this.#told !== codec + record.ssrc) {
      this.#told = codec + record.ssrc;
      const rate = this.facts.kind === 'video' ? 90000 : CLOCK_RATE[codec] ?? 48000;
      this.link.note({ t: 'track', id: this.id, codec, rate, ssrc: record.ssrc, ...this.facts });
    }
    record.track = this.id;
    this.link.frame(record, payload);
  }

  /** No more frames of this track. */
  end() {
    if (this.#told) this.link.note({ t: 'gone', id: this.id });
  }
}

/** The Opus packet inside an RFC 2198 packet: its last block. */
function withoutRedundancy(bytes) {
  let at = 0;
  let skipped = 0;
  while (at < bytes.length && bytes[at] & 0x80) {
    skipped += ((bytes[at + 2] & 3) << 8) | bytes[at + 3];
    at += 4;
  }
  return bytes.subarray(Math.min(bytes.length, at + 1 + skipped));
}

/** Reads a frame: {record, payload, codec}, or null if it is empty or was taken away by another transform. */
function readFrame(frame) {
  const data = frame.data;
  if (!data?.byteLength) return null;
  const meta = frame.getMetadata();
  const video = frame.type !== undefined;
  const mime = (meta.mimeType ?? '').toLowerCase();
  const redundant = mime === 'audio/red';
  const bytes = new Uint8Array(data);
  return {
    codec: redundant ? 'opus' : mime.slice(6) || (video ? 'vp8' : 'opus'),
    payload: redundant ? withoutRedundancy(bytes) : bytes,
    record: {
      kind: video ? VIDEO : AUDIO,
      at: meta.receiveTime === undefined ? epochMs() : performance.timeOrigin + meta.receiveTime,
      rtp: meta.rtpTimestamp ?? frame.timestamp,
      ssrc: meta.synchronizationSource,
      key: video ? frame.type === 'key' : true,
      width: meta.width,
      height: meta.height,
      level: video ? LEVEL_UNKNOWN : levelDb(meta.audioLevel),
      payloadType: meta.payloadType,
      sequence: meta.sequenceNumber,
      csrcs: meta.contributingSources,
    },
  };
}

/** Is it a frame that came over the network? Frames on their way out carry no arrival time. */
const isReceived = (frame) => frame.getMetadata().receiveTime !== undefined;
