// Sound that does not come from receivers: Opus frames decoded by the page and played from an AudioWorklet.

const RATE = 48000;
const RING_SAMPLES = RATE * 4;
const [FIRST, LAST] = [0, 1];

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
    this.marks = shared ? new Int32Array(new SharedArrayBuffer(8)).fill(-1) : null;
    this.node = new AudioWorkletNode(ctx, 'neteq-processor', { outputChannelCount: [1], processorOptions: { ring: this.ring, marks: this.marks } });
    this.node.connect(ctx.destination);
  }

  /** @param timestamp RTP time, 48 kHz */
  feed(data, timestamp) {
    this.base ??= timestamp;
    if (this.decoder.state !== 'configured') return;
    const position = (timestamp - this.base) >>> 0;
    this.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: Math.round(position / 48 * 1000), data }));
  }

  decoded(data) {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    const position = Math.round(data.timestamp * 48 / 1000);
    data.close();
    if (!this.node) return;
    if (!this.ring) { this.node.port.postMessage({ position, samples }, [samples.buffer]); return; }
    for (let n = 0; n < samples.length; n++) this.ring[(position + n) % RING_SAMPLES] = samples[n];
    Atomics.store(this.marks, LAST, position);
    if (Atomics.load(this.marks, FIRST) < 0) Atomics.store(this.marks, FIRST, position);
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
