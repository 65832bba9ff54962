// Sound that does not come from receivers: Opus frames decoded by the page and played from an AudioWorklet.

const RATE = 48000;
const RING_SAMPLES = RATE * 2;

let context = null;
let ready = null;

function audio() {
  if (!context) {
    context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    ready = context.audioWorklet.addModule('/_/meet/neteq_processor.js').then(() => context.resume());
  }
  return ready.then(() => context);
}

/** One decoder and one worklet node per stream; samples go through shared memory where the page may have it. */
class Player {
  constructor() {
    this.pending = [];
    this.decoder = new AudioDecoder({ output: (data) => this.decoded(data), error: () => this.reset() });
    this.reset();
    audio().then((ctx) => this.connect(ctx));
  }

  reset() {
    if (this.decoder.state === 'closed') this.decoder = new AudioDecoder({ output: (data) => this.decoded(data), error: () => this.reset() });
    this.decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
  }

  connect(ctx) {
    const shared = typeof SharedArrayBuffer !== 'undefined' && crossOriginIsolated;
    this.ring = shared ? new Float32Array(new SharedArrayBuffer(RING_SAMPLES * 4)) : null;
    this.marks = shared ? new Int32Array(new SharedArrayBuffer(8)) : null;
    this.node = new AudioWorkletNode(ctx, 'neteq-processor', { outputChannelCount: [1], processorOptions: { ring: this.ring, marks: this.marks } });
    this.node.connect(ctx.destination);
  }

  /** @param timestamp RTP time, 48 kHz */
  feed(data, timestamp) {
    if (this.decoder.state !== 'configured') return;
    this.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: Math.round(timestamp / 48 * 1000), data }));
  }

  decoded(data) {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    data.close();
    if (!this.node) return;
    if (!this.ring) { this.node.port.postMessage(samples, [samples.buffer]); return; }
    let write = Atomics.load(this.marks, 0);
    for (const sample of samples) this.ring[write++ % RING_SAMPLES] = sample;
    Atomics.store(this.marks, 0, write);
  }
}

/** Takes the encoded frames off a receiver: its own decoder gets none and stays silent. */
export class EncodedPlayer {
  static async play(receiver) {
    const player = new Player();
    const reader = receiver.createEncodedStreams().readable.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      player.feed(value.data, value.getMetadata().rtpTimestamp ?? value.timestamp);
    }
  }
}

/** Takes Opus frames from a data channel: one byte stream number, four bytes RTP time, the packet. */
export class FramePlayer {
  static play(channel) {
    const players = new Map();
    channel.onmessage = ({ data }) => {
      const view = new DataView(data);
      const stream = view.getUint8(0);
      if (!players.has(stream)) players.set(stream, new Player());
      players.get(stream).feed(new Uint8Array(data, 5), view.getUint32(1));
    };
  }
}
