// Hooks RTCPeerConnection: every receiver's encoded frames pass through us, every sender is let through.
//
// The switch `encodedInsertableStreams` gives us the frames and blocks every sender and receiver that nobody pipes
// through. So each is claimed as soon as it exists, and a page that wants its frames gets them from our Junction.

const TAKE = { receiver: scope.RTCRtpReceiver?.prototype.createEncodedStreams, sender: scope.RTCRtpSender?.prototype.createEncodedStreams };

class RtcHook {
  /** Live audio receivers: {key, receiver, tap}. `tap` is null where the page's own script transform has the frames. */
  audio = new Map();
  #claims = new WeakMap();
  #pageAsked = new WeakSet();
  #receiverCount = 0;

  /** `listeners`: called as (connection) for each new connection. */
  constructor(link, listeners) {
    this.link = link;
    this.listeners = listeners;
    this.taps = new TapSet(link.settings);
    this.ownWorker = TAKE.receiver ? null : new OwnWorker(link.settings);
  }

  install() {
    const { prototype } = scope.RTCPeerConnection;
    for (const name of ['addTrack', 'addTransceiver', 'setLocalDescription', 'setRemoteDescription']) {
      patchMethod(prototype, name, (call, connection, args) => this.#afterwards(connection, call(...args)));
    }
    patchMethod(prototype, 'setConfiguration', (call, _, [config, ...rest]) =>
      call({ ...config, encodedInsertableStreams: true }, ...rest),
    );
    patchMethod(prototype, 'getConfiguration', (call, connection) => {
      const config = call();
      if (!this.#pageAsked.has(connection)) config.encodedInsertableStreams = false;
      return config;
    });
    patchMethod(scope.RTCRtpReceiver.prototype, 'createEncodedStreams', (call, receiver) =>
      (this.#claimReceiver(receiver) ?? this.#refuse()).takeForPage(),
    );
    patchMethod(scope.RTCRtpSender.prototype, 'createEncodedStreams', (call, sender) =>
      (this.#claimSender(sender) ?? this.#refuse()).takeForPage(),
    );
    watchSetter(scope.RTCRtpReceiver.prototype, 'transform', (receiver, value) => value && this.#pageScripts(receiver));
    watchSetter(scope.RTCRtpSender.prototype, 'transform', (sender, value) => value && this.#claims.set(sender, 'page'));
    patchConstructor('RTCPeerConnection', (construct, [config, ...rest]) => {
      const connection = construct([{ ...config, encodedInsertableStreams: true }, ...rest]);
      if (config?.encodedInsertableStreams) this.#pageAsked.add(connection);
      this.#adopt(connection);
      return connection;
    });
  }

  #refuse() {
    throw new DOMException('Too late to create encoded streams', 'InvalidStateError');
  }

  #adopt(connection) {
    this.link.open();
    connection.addEventListener('track', ({ receiver, transceiver, streams }) => {
      const facts = { stream: streams[0]?.id ?? null, mid: transceiver?.mid ?? null };
      this.#soon(connection, () => this.#claimReceiver(receiver, facts));
    });
    this.listeners.forEach((listener) => listener(connection));
  }

  #afterwards(connection, result) {
    const sweep = () => this.#soon(connection, () => this.#sweep(connection));
    if (typeof result?.then === 'function') result.then(sweep, nothing);
    else sweep();
    return result;
  }

  /** A page that did not ask for insertable streams may set script transforms: first in its turn, if it wants to. */
  #soon(connection, work) {
    if (this.#pageAsked.has(connection)) work();
    else native.setTimeout(work, 0);
  }

  #sweep(connection) {
    if (connection.signalingState === 'closed') return;
    for (const { sender, receiver, mid } of connection.getTransceivers()) {
      this.#claimSender(sender);
      if (mid !== null) this.#claimReceiver(receiver, { mid });
    }
  }

  /** The receiver's Junction, or null if the page's script transform has taken it. */
  #claimReceiver(receiver, facts = {}) {
    const claim = this.#claims.get(receiver);
    if (claim) {
      Object.assign(claim.facts, facts);
      return claim.junction;
    }
    remoteTracks.add(receiver.track.id);
    const all = { kind: receiver.track.kind, receiver: ++this.#receiverCount, stream: null, mid: null, ...facts };
    const tap = new EncodedTap(this.link, all);
    const made = { facts: all, tap, junction: this.#connect(receiver, TAKE.receiver, tap) };
    this.#claims.set(receiver, made);
    if (made.junction) this.taps.add(tap);
    this.#register(receiver, all, made.junction ? tap : null);
    return made.junction;
  }

  #claimSender(sender) {
    if (!this.#claims.has(sender)) this.#claims.set(sender, { facts: {}, junction: this.#connect(sender, TAKE.sender) });
    return this.#claims.get(sender).junction ?? null;
  }

  #connect(owner, take, tap) {
    if (!take) {
      this.ownWorker.attach(owner, tap?.facts);
      return null;
    }
    try {
      return new Junction(Reflect.apply(take, owner, []), tap?.taps);
    } catch (error) {
      this.link.fault('claim', error);
      return null;
    }
  }

  #register(receiver, facts, tap) {
    if (facts.kind !== 'audio') return;
    const entry = { key: facts.receiver, receiver, facts, tap };
    this.audio.set(entry.key, entry);
    this.link.note({ t: 'receiver', receiver: entry.key, live: true });
    receiver.track.addEventListener('ended', () => {
      this.audio.delete(entry.key);
      this.taps.delete(tap);
      this.link.note({ t: 'receiver', receiver: entry.key, live: false });
    });
  }

  /** The page's worker takes the frames now; our prelude in that worker tapes them there. */
  #pageScripts(receiver) {
    const claim = this.#claims.get(receiver);
    const facts = claim?.facts ?? { kind: receiver.track.kind, receiver: ++this.#receiverCount, stream: null, mid: null };
    this.taps.delete(claim?.tap);
    this.#claims.set(receiver, { facts, junction: null });
    this.#register(receiver, facts, null);
    this.link.note({ t: 'scripted', ...facts });
    const timer = native.setInterval(() => {
      const source = receiver.getSynchronizationSources()[0]?.source;
      if (source !== undefined) this.link.note({ t: 'source', ssrc: source, ...facts });
      if (receiver.track.readyState === 'ended') native.clearInterval(timer);
    }, 1000);
  }
}

/** Where createEncodedStreams does not exist: our own script transform in a worker of ours. */
class OwnWorker {
  constructor(settings) {
    this.settings = settings;
    this.setTransform = {
      RTCRtpReceiver: Object.getOwnPropertyDescriptor(scope.RTCRtpReceiver.prototype, 'transform').set,
      RTCRtpSender: Object.getOwnPropertyDescriptor(scope.RTCRtpSender.prototype, 'transform').set,
    };
  }

  attach(owner, facts) {
    this.worker ??= new native.Worker(
      URL.createObjectURL(new Blob([this.settings.workerSource], { type: 'text/javascript' })),
    );
    const options = { [this.settings.commandEvent]: true, facts };
    const transform = new scope.RTCRtpScriptTransform(this.worker, options);
    Reflect.apply(this.setTransform[owner.constructor.name], owner, [transform]);
  }
}
