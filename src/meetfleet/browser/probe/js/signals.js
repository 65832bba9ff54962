// What the page says to its server besides media: data channels and calls of chosen addresses, as signals for the bot.

/** Chooses by label; '*' is every channel. */
const isWatched = (link, label) => link.settings.labels.includes(label) || link.settings.labels.includes('*');

async function toBase64(data) {
  if (typeof data === 'string') return base64(encoder.encode(data));
  if (data instanceof Blob) return base64(new Uint8Array(await data.arrayBuffer()));
  if (ArrayBuffer.isView(data)) return base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return base64(new Uint8Array(data));
}

/** Reports messages of chosen data channels, both ways, whoever opened them. */
class ChannelHook {
  #watched = new WeakSet();

  constructor(link) {
    this.link = link;
  }

  install() {
    patchMethod(scope.RTCPeerConnection.prototype, 'createDataChannel', (call, _, args) => this.watch(call(...args)));
    patchMethod(scope.RTCDataChannel.prototype, 'send', (call, channel, args) => {
      const result = call(...args);
      if (this.#watched.has(channel)) this.#report('data-out', channel, args[0]);
      return result;
    });
  }

  onConnection = (connection) => connection.addEventListener('datachannel', (event) => this.watch(event.channel));

  watch(channel) {
    if (isWatched(this.link, channel.label) && !this.#watched.has(channel)) {
      this.#watched.add(channel);
      channel.addEventListener('message', (event) => this.#report('data', channel, event.data));
    }
    return channel;
  }

  #report(way, channel, data) {
    const at = epochMs();
    toBase64(data).then(
      (body) => this.link.note({ t: 'signal', channel: `${way}/${channel.label}`, at, body }),
      (error) => this.link.fault('data channel', error),
    );
  }
}

/** Reports the answers to fetch and XMLHttpRequest whose address contains one of the chosen pieces. */
class RpcHook {
  #addresses = new WeakMap();

  constructor(link) {
    this.link = link;
  }

  install() {
    patchMethod(scope, 'fetch', (call, _, args) => {
      const answer = call(...args);
      const piece = this.#chosen(args[0]?.url ?? String(args[0]));
      if (piece) answer.then((response) => this.#read(piece, response.status, response.clone().arrayBuffer()), nothing);
      return answer;
    });
    patchMethod(scope.XMLHttpRequest?.prototype, 'open', (call, request, args) => {
      this.#addresses.set(request, String(args[1]));
      return call(...args);
    });
    patchMethod(scope.XMLHttpRequest?.prototype, 'send', (call, request, args) => {
      const piece = this.#chosen(this.#addresses.get(request) ?? '');
      if (piece) request.addEventListener('load', () => this.#read(piece, request.status, this.#body(request)));
      return call(...args);
    });
  }

  #chosen(address) {
    return this.link.settings.rpc.find((piece) => address.includes(piece));
  }

  #body(request) {
    if (request.responseType === '' || request.responseType === 'text') return request.responseText;
    return request.responseType === 'json' ? JSON.stringify(request.response) : request.response;
  }

  async #read(piece, status, body) {
    const at = epochMs();
    try {
      this.link.note({ t: 'signal', channel: `rpc/${piece}`, at, status, body: await toBase64(await body) });
    } catch (error) {
      this.link.fault('rpc', error);
    }
  }
}
