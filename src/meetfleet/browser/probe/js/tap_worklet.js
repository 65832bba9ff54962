// In the audio thread: cuts each input into 20 ms pieces of 16-bit mono, and leaves out silence.
// This file is a module of its own. Positions are frames of the context's clock, so the time line has no gaps.

const PIECE = 960; // 20 ms at 48 kHz
const QUIET = 12; // largest sample, of 32767, that is still silence
const HANG = 25; // silent pieces still sent after sound
const POST = 5; // pieces per message

class Slot {
  piece = new Int16Array(PIECE);
  filled = 0;
  start = 0;
  peak = 0;
  energy = 0;
  hang = 0;
}

class Tap extends AudioWorkletProcessor {
  #slots = new Map();
  #out = [];
  #due = 0;

  process(inputs) {
    inputs.forEach((channels, index) => {
      if (channels.length) this.#take(index, channels);
    });
    if (this.#out.length && currentFrame >= this.#due) this.#post();
    return true;
  }

  #take(index, channels) {
    let slot = this.#slots.get(index);
    if (!slot) this.#slots.set(index, (slot = new Slot()));
    if (slot.filled && slot.start + slot.filled !== currentFrame) slot.filled = 0; // was disconnected meanwhile
    const count = channels[0].length;
    for (let i = 0; i < count; i++) {
      if (slot.filled === 0) slot.start = currentFrame + i;
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.max(-32768, Math.min(32767, Math.round((sum / channels.length) * 32767)));
      slot.piece[slot.filled++] = value;
      slot.peak = Math.max(slot.peak, Math.abs(value));
      slot.energy += value * value;
      if (slot.filled === PIECE) this.#finish(index, slot);
    }
  }

  #finish(index, slot) {
    slot.hang = slot.peak > QUIET ? HANG : slot.hang - 1;
    if (slot.hang > 0) {
      const db = 10 * Math.log10(slot.energy / PIECE / 32768 ** 2 + 1e-13);
      this.#out.push({ slot: index, frame: slot.start, db, samples: slot.piece });
      slot.piece = new Int16Array(PIECE);
    }
    slot.filled = slot.peak = slot.energy = 0;
  }

  #post() {
    this.port.postMessage({ now: currentFrame, pieces: this.#out }, this.#out.map((piece) => piece.samples.buffer));
    this.#out = [];
    this.#due = currentFrame + POST * PIECE;
  }
}

registerProcessor(TAP_NAME, Tap);
