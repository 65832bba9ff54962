// A worker whose policy forbids sockets borrows the page's: over a BroadcastChannel that only our scripts can name.

/** In a worker: looks like a WebSocket to the Link. */
class BorrowedSocket {
  readyState = 0;
  bufferedAmount = 0;
  #channel;

  constructor(name, instance) {
    this.instance = instance;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.#channel.postMessage({ to: 'window', from: instance, open: true });
  }

  send(data) {
    this.#channel.postMessage({ to: 'window', from: this.instance, data: typeof data === 'string' ? data : data.slice() });
  }

  close() {
    this.#heard({ to: this.instance, what: 'close' });
  }

  #heard({ to, what, data }) {
    if (to !== this.instance) return;
    if (what === 'open') this.readyState = 1;
    if (what === 'close') {
      this.readyState = 3;
      this.#channel.close();
    }
    this[`on${what}`]?.({ data });
  }
}

/** In the top window: one real socket for each worker that asks. */
class Lender {
  #sockets = new Map();

  constructor(settings) {
    this.settings = settings;
    this.channel = new BroadcastChannel(settings.commandEvent);
    this.channel.onmessage = ({ data }) => {
      if (data.to !== 'window') return;
      if (data.open) this.#open(data.from);
      else this.#sockets.get(data.from)?.send(data.data);
    };
  }

  #open(instance) {
    const old = this.#sockets.get(instance);
    if (old) old.onclose = null;
    old?.close();
    const socket = new native.WebSocket(this.settings.url);
    const tell = (what, data) => this.channel.postMessage({ to: instance, what, data });
    socket.onopen = () => tell('open');
    socket.onmessage = ({ data }) => tell('message', data);
    socket.onclose = () => {
      this.#sockets.delete(instance);
      tell('close');
    };
    this.#sockets.set(instance, socket);
  }
}
