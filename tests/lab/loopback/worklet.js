// A page that decodes by itself: plays samples that it is sent, never what a receiver decodes.
class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.at = 0;
    this.started = false;
    this.port.onmessage = ({ data }) => this.queue.push(data);
  }

  process(_, [[output]]) {
    if (!this.started && this.queue.length < 5) return true;
    this.started = true;
    for (let i = 0; i < output.length; i++) {
      if (!this.queue.length) break;
      output[i] = this.queue[0][this.at++];
      if (this.at === this.queue[0].length) {
        this.queue.shift();
        this.at = 0;
      }
    }
    return true;
  }
}
registerProcessor('neteq-processor', Player);
