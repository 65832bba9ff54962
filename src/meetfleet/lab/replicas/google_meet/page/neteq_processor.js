// The worklet that stands in for a page's own jitter buffer. Samples stand in a ring at their place in RTP time and are
// played a fixed time after it, so that gaps keep their length and the delay stays the same for the whole call.

const RUN_UP_SAMPLES = 5760;
const RATE = 48000;
const [FIRST, LAST] = [0, 1];

class NetEqProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { ring, marks } }) {
    super();
    this.ring = ring ?? new Float32Array(RATE * 4);
    this.marks = marks ?? new Int32Array([-1, -1]);
    this.read = null;
    this.seen = -1;
    this.port.onmessage = ({ data: { position, samples } }) => this.store(position, samples);
  }

  /** Only where memory is not shared: otherwise the page writes the ring itself. */
  store(position, samples) {
    for (let n = 0; n < samples.length; n++) this.ring[(position + n) % this.ring.length] = samples[n];
    this.marks[LAST] = position;
    if (this.marks[FIRST] < 0) this.marks[FIRST] = position;
  }

  process(_, [[out]]) {
    const last = Atomics.load(this.marks, LAST);
    if (last < 0) { out.fill(0); return true; }
    if (this.read === null) this.read = Atomics.load(this.marks, FIRST) - RUN_UP_SAMPLES;
    if (last > this.seen && last < this.read) this.read = last - RUN_UP_SAMPLES; // it came too late: wait longer from now on
    this.seen = last;
    for (let n = 0; n < out.length; n++, this.read++) {
      const at = ((this.read % this.ring.length) + this.ring.length) % this.ring.length;
      out[n] = this.ring[at];
      this.ring[at] = 0;
    }
    return true;
  }
}

class AudioAnalyzerProcessor extends AudioWorkletProcessor {
  process() { return true; }
}

registerProcessor('neteq-processor', NetEqProcessor);
registerProcessor('audio-analyzer-processor', AudioAnalyzerProcessor);
