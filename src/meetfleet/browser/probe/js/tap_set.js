// All encoded taps of a script, and which of them tape: the bot changes that when another rung serves the sound.

class TapSet {
  #taps = new Set();
  #audio;

  constructor(settings) {
    this.#audio = settings.tapeAudio;
    this.video = settings.tapeVideo;
  }

  [Symbol.iterator]() {
    return this.#taps.values();
  }

  add(tap) {
    tap.serving = tap.facts.kind === 'video' ? this.video : this.#audio;
    this.#taps.add(tap);
  }

  delete(tap) {
    this.#taps.delete(tap);
  }

  /** Lets one audio track, or all and every new one, tape or rest. */
  serve(track, on) {
    if (track === undefined) this.#audio = on;
    for (const tap of this.#audioTaps()) if (track === undefined || tap.track.id === track) tap.serving = on;
  }

  get isMuted() {
    return this.#audioTaps().some((tap) => !tap.serving);
  }

  /** The loudest level (-dBov) of each resting track since the last call, by track id. */
  mutedLevels() {
    const resting = this.#audioTaps().filter((tap) => !tap.serving);
    return Object.fromEntries(resting.map((tap) => [tap.track.id, tap.takeLoudest()]));
  }

  #audioTaps() {
    return [...this.#taps].filter((tap) => tap.facts.kind === 'audio');
  }
}
