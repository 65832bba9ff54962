// The way to the bot: a WebSocket to this machine, or, where none opens, a function that the bot adds to the page.
//
// A way may break with messages on it. So each is kept until the bot has confirmed it, and sent again on the next way; the
// bot knows by their numbers which ones it has.

const FLUSH_MS = 200;
const TICKS_PER_HEALTH = 5;
const BATCH_BYTES = 256 * 1024;
const RETRY_MS = 250;
const CONNECT_MS = 1000;
const RETRY_MAX_MS = 5000;

class Link {
  /** A random name of this script's life: it tells a reconnected socket from a new page. */
  instance = crypto.getRandomValues(new Uint32Array(4)).join('-');
  counts = { frames: 0, bytes: 0, dropped: 0 };
  #batch = new Batch();
  #unconfirmed = []; // messages
  #confirmed = 0; // how many messages the bot has for sure: the number of the first unconfirmed one
  #waiting = 0; // bytes in unconfirmed messages
  #socket = null;
  #commands = new Map();
  #tries = 0;
  #opened = false;
  #greetedBinding = false;
  #stall = 0;
  #lastTick = performance.now();
  #ticks = 0;
  #onTick = [];

  constructor(settings, kind) {
    this.settings = settings;
    this.kind = kind;
    this.onCommand('got', ({ count }) => this.#confirm(count));
    this.onCommand('flush', ({ ask }) => {
      this.note({ t: 'answer', ask });
      this.flush();
    });
  }

  /** Starts, at the first use: most frames and workers of a page have nothing to say. */
  open() {
    if (this.#opened) return;
    this.#opened = true;
    scope.addEventListener(this.settings.commandEvent, (event) => this.#obey(event.detail));
    native.setInterval(() => this.#tick(), FLUSH_MS);
    this.#connect();
  }

  /** Queues one media record; drops and counts it if the bot has not fetched the last tens of megabytes. */
  frame(record, payload) {
    if (this.#batch.size + this.#waiting > this.settings.queueBytes) {
      this.counts.dropped += 1;
      return;
    }
    this.counts.frames += 1;
    this.counts.bytes += payload.byteLength;
    this.#batch.add(record, payload);
    if (this.#batch.size > BATCH_BYTES) this.flush();
  }

  /** Queues one JSON note; never dropped. */
  note(note) {
    this.open();
    this.#batch.add({ track: 0, kind: NOTE, at: epochMs(), rtp: 0, ssrc: 0 }, noteBytes(note));
  }

  /** Tells the bot of a fault of ours; the page must not notice it. */
  fault(where, error) {
    this.note({ t: 'fault', where, message: String(error) });
  }

  /** Runs `handler(command)` for each command `{c: name, ...}` of the bot. */
  onCommand(name, handler) {
    this.#commands.set(name, handler);
  }

  /** Runs `handler(n)` five times a second once the link is open; n counts. */
  onTick(handler) {
    this.#onTick.push(handler);
  }

  /** Sends what is queued, if there is a way; else it stays queued. */
  flush() {
    const isOpen = this.#socket?.readyState === 1;
    if (!this.#batch.size || !(isOpen || this.#binding())) return;
    if (!isOpen) this.#greetBinding();
    const message = this.#batch.take(this.#confirmed + this.#unconfirmed.length);
    this.#unconfirmed.push(message);
    this.#waiting += message.length;
    this.#put(message);
  }

  #put(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(message);
    else this.#binding()?.(`${this.instance} ${base64(message)}`);
  }

  #confirm(count) {
    for (; this.#confirmed < count && this.#unconfirmed.length; this.#confirmed++) {
      this.#waiting -= this.#unconfirmed.shift().length;
    }
  }

  #hello() {
    const top = this.kind === 'window' && scope.top === scope;
    return JSON.stringify({ t: 'hello', instance: this.instance, kind: this.kind, top, now: epochMs() });
  }

  #binding() {
    return scope[this.settings.binding];
  }

  #greetBinding() {
    if (this.#greetedBinding) return;
    this.#greetedBinding = true;
    this.#binding()(`${this.instance} ${this.#hello()}`);
    this.#unconfirmed.forEach((message) => this.#put(message));
  }

  /** A forbidden socket throws, or errs without closing, or waits for ever: each means to try again, once. */
  #connect() {
    let over = false;
    const again = () => {
      if (over) return;
      over = true;
      this.#socket = null;
      native.setTimeout(() => this.#connect(), Math.min(RETRY_MAX_MS, RETRY_MS * this.#tries ** 2));
      this.#tries += 1;
    };
    let socket;
    try {
      socket = this.#makeSocket();
    } catch {
      again();
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => over || this.#useSocket(socket);
    socket.onmessage = (event) => this.#obey(event.data);
    socket.onclose = socket.onerror = again;
    native.setTimeout(() => socket.readyState === 0 && (socket.close(), again()), CONNECT_MS);
  }

  #useSocket(socket) {
    this.#tries = 0;
    this.#greetedBinding = false;
    this.#socket = socket;
    socket.send(this.#hello());
    this.#unconfirmed.forEach((message) => this.#put(message));
    this.flush();
  }

  /** A worker that gets no socket of its own borrows the page's. */
  #makeSocket() {
    const borrow = this.kind === 'worker' && this.#tries % 2;
    if (borrow) return new BorrowedSocket(this.settings.commandEvent, this.instance);
    return new native.WebSocket(this.settings.url);
  }

  #obey(text) {
    try {
      const command = JSON.parse(text);
      this.#commands.get(command.c)?.(command);
    } catch (error) {
      this.fault('command', error);
    }
  }

  #tick() {
    const now = performance.now();
    this.#stall = Math.max(this.#stall, now - this.#lastTick - FLUSH_MS);
    this.#lastTick = now;
    this.#ticks += 1;
    try {
      this.#onTick.forEach((handler) => handler(this.#ticks));
    } catch (error) {
      this.fault('tick', error);
    }
    if (this.#ticks % TICKS_PER_HEALTH === 0) this.#health();
    this.flush();
  }

  #health() {
    this.note({ t: 'health', now: epochMs(), ...this.counts, queued: this.#batch.size, stall: Math.round(this.#stall) });
    this.#stall = 0;
  }
}
