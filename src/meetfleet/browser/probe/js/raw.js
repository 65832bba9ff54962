// The raw rung: decoded sound of each audio receiver, one track each.

const DELAY_EVERY_TICKS = 25;

class RawRung {
  armed = false;
  #taps = new Map(); // receiver key -> {pcm, stop, delayMs}
  #serving = new Map(); // receiver key -> since

  constructor(link, board, rtc) {
    this.link = link;
    this.board = board;
    this.rtc = rtc;
    link.onTick((n) => {
      this.#look();
      if (n % DELAY_EVERY_TICKS === 0) this.#measureDelays();
    });
  }

  arm(on) {
    this.armed = on;
    this.#look();
  }

  serve(key, on, sinceMs) {
    if (on) this.#serving.set(key, sinceMs);
    else this.#serving.delete(key);
    const pcm = this.#taps.get(key)?.pcm;
    if (pcm && on) pcm.serve(sinceMs);
    if (pcm && !on) pcm.rest();
    this.#look();
  }

  meters() {
    return Object.fromEntries([...this.#taps].map(([key, tap]) => [key, tap.pcm.meter()]));
  }

  /** Opens and closes taps so that they fit what is wanted. */
  #look() {
    for (const [key, entry] of this.rtc.audio) {
      const wanted = this.armed || this.#serving.has(key);
      if (wanted && !this.#taps.has(key) && entry.receiver.track.readyState === 'live') this.#open(key, entry);
    }
    for (const key of [...this.#taps.keys()]) {
      if (!this.rtc.audio.has(key) || (!this.armed && !this.#serving.has(key))) this.#close(key);
    }
  }

  #open(key, { receiver, facts, tap }) {
    const around = () => ({ csrcs: tap?.csrcs ?? this.#sources(receiver), delayMs: opened.delayMs });
    const pcm = new PcmTap(this.link, { rung: 'raw', receiver: key, stream: facts.stream, mid: facts.mid }, around);
    const opened = { pcm, receiver, delayMs: 0, stop: nothing };
    this.#taps.set(key, opened);
    if (this.#serving.has(key)) pcm.serve(this.#serving.get(key));
    const stream = new native.MediaStream([receiver.track]);
    const element = playSilently(stream);
    this.#listen(opened, stream)
      .then((stop) => {
        opened.stop = () => {
          stop();
          element.srcObject = null;
        };
        if (this.#taps.get(key) !== opened) opened.stop(); // closed meanwhile
      })
      .catch((error) => this.link.fault('raw tap', error));
  }

  async #listen({ pcm }, stream) {
    const slot = await this.board.open(pcm.piece);
    const remove = slot.add((context) => context.createMediaStreamSource(stream));
    return () => {
      remove();
      slot.close();
    };
  }

  #close(key) {
    const tap = this.#taps.get(key);
    this.#taps.delete(key);
    tap.pcm.track.end();
    tap.stop();
  }

  #sources(receiver) {
    return receiver.getContributingSources().map(({ source }) => source);
  }

  /** Decoded sound comes later than its packets by the jitter buffer's delay, which the receiver's statistics tell. */
  async #measureDelays() {
    for (const tap of this.#taps.values()) {
      const report = [...(await tap.receiver.getStats()).values()].find((entry) => entry.type === 'inbound-rtp');
      const delay = (report?.jitterBufferDelay ?? 0) - (tap.delaySum ?? 0);
      const count = (report?.jitterBufferEmittedCount ?? 0) - (tap.delayCount ?? 0);
      if (count > 0) tap.delayMs = (delay / count) * 1000;
      tap.delaySum = report?.jitterBufferDelay ?? 0;
      tap.delayCount = report?.jitterBufferEmittedCount ?? 0;
    }
  }
}

/** Chromium decodes a remote track for Web Audio only while a media element plays it, muted or not. */
function playSilently(stream) {
  const element = new Audio();
  ownElements.add(element);
  element.muted = true;
  element.srcObject = stream;
  element.play().catch(nothing);
  return element;
}
