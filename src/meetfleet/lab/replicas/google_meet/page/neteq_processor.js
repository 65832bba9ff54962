// The worklet that stands in for a page's own jitter buffer: plays what the page decoded, after a short run-up.

const RUN_UP_SAMPLES = 2880;

class NetEqProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { ring, marks } }) {
    super();
    Object.assign(this, { ring, marks, read: 0, playing: false, pieces: [], offset: 0, stored: 0 });
    this.port.onmessage = ({ data }) => { this.pieces.push(data); this.stored += data.length; };
  }

  process(_, [[out]]) {
    const available = this.ring ? Atomics.load(this.marks, 0) - this.read : this.stored;
    if (!this.playing && available >= RUN_UP_SAMPLES) this.playing = true;
    if (this.playing && available < out.length) this.playing = false;
    if (!this.playing) { out.fill(0); return true; }
    if (this.ring) for (let n = 0; n < out.length; n++) out[n] = this.ring[this.read++ % this.ring.length];
    else this.fromPieces(out);
    return true;
  }

  fromPieces(out) {
    for (let n = 0; n < out.length; n++) {
      out[n] = this.pieces[0][this.offset++];
      if (this.offset === this.pieces[0].length) { this.pieces.shift(); this.offset = 0; }
    }
    this.stored -= out.length;
  }
}

class AudioAnalyzerProcessor extends AudioWorkletProcessor {
  process() { return true; }
}

registerProcessor('neteq-processor', NetEqProcessor);
registerProcessor('audio-analyzer-processor', AudioAnalyzerProcessor);
