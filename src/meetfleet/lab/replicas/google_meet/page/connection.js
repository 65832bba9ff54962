// The page's RTCPeerConnection: a pool of audio m-lines, one video m-line per stream, the data channels.
import { EncodedPlayer, FramePlayer } from './sound.js';

const GATHER_MS = 1000;
const RECOVER_MS = 3000;
const CHANNELS = ['captions', 'media-director', 'dcrpc', 'meet_messages'];
const POLL_MS = 250;
// With this flag a transform sees every frame from the first one; without a transform nothing passes.
const ENCODED = ['neteq', 'e2ee'];

/** How this session plays sound; `neteq` needs encoded streams and falls back to native receivers without them. */
export function audioPath(wanted) {
  if (wanted !== 'neteq') return wanted;
  return 'createEncodedStreams' in RTCRtpReceiver.prototype && crossOriginIsolated ? 'neteq' : 'native';
}

export class Connection {
  constructor(meet, config, path) {
    Object.assign(this, { meet, config, path });
    this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...(ENCODED.includes(path) ? { encodedInsertableStreams: true } : {}) });
    this.lines = new Map();
    this.fresh = true;
    this.queue = Promise.resolve();
    this.channels = Object.fromEntries(CHANNELS.map((label) => [label, this.pc.createDataChannel(label)]));
    for (const channel of Object.values(this.channels)) channel.binaryType = 'arraybuffer';
    this.pc.ontrack = (event) => this.track(event);
    this.pc.ondatachannel = (event) => this.channel(event.channel);
    this.pc.onconnectionstatechange = () => this.stateChanged();
    if (path !== 'worklet') this.addAudio(config.page.late_audio_s);
    if (path === 'native') this.poll = setInterval(() => this.pollSources(), POLL_MS);
  }

  addAudio(delayS) {
    const add = () => { for (let n = 0; n < this.config.streams; n++) this.pc.addTransceiver('audio', { direction: 'recvonly' }); };
    if (!delayS) { add(); return; }
    setTimeout(() => { add(); this.negotiate(); }, delayS * 1000);
  }

  /** Asks for the streams that there is no m-line for yet. */
  want(ids) {
    const missing = ids.filter((id) => ![...this.lines.values()].includes(id));
    for (const id of missing) this.lines.set(this.pc.addTransceiver('video', { direction: 'recvonly' }), id);
    if (missing.length || this.fresh) this.negotiate();
  }

  /** Sends the visitor's own camera, or nothing any more. */
  sendCamera(stream) {
    const [track] = stream?.getVideoTracks() ?? [];
    if (this.cameraLine) { this.cameraLine.sender.replaceTrack(track ?? null); return; }
    if (!track) return;
    this.cameraLine = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    if (!this.fresh) this.negotiate();
  }

  negotiate() {
    this.queue = this.queue.then(() => this.offer()).catch((error) => this.meet.tell({ t: 'trouble', text: String(error) }));
  }

  async offer() {
    if (this.pc.signalingState === 'closed') return;
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.gathered();
    const streams = Object.fromEntries([...this.lines].map(([transceiver, id]) => [transceiver.mid, id]));
    const fresh = this.fresh;
    this.fresh = false;
    const sdp = await this.meet.exchange({ t: 'offer', sdp: this.pc.localDescription.sdp, streams, fresh });
    if (this.pc.signalingState !== 'closed') await this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  gathered() {
    if (this.pc.iceGatheringState === 'complete') return null;
    return new Promise((done) => {
      this.pc.addEventListener('icegatheringstatechange', () => this.pc.iceGatheringState === 'complete' && done());
      setTimeout(done, GATHER_MS);
    });
  }

  track({ track, receiver, streams, transceiver }) {
    if (track.kind === 'video') {
      if (this.path === 'neteq') { const ends = receiver.createEncodedStreams(); ends.readable.pipeTo(ends.writable).catch(() => {}); }
      if (this.path === 'e2ee') this.descramble(receiver, 'video');
      this.meet.streamArrived(this.lines.get(transceiver) ?? streams[0]?.id, new MediaStream([track]));
      return;
    }
    if (this.path === 'neteq') { EncodedPlayer.play(receiver); return; }
    if (this.path === 'e2ee') this.descramble(receiver, 'audio');
    this.meet.audioArrived(track);
  }

  /** Pictures are not scrambled; they pass the same worker. */
  descramble(receiver, kind) {
    this.worker ??= new Worker(this.meet.scriptUrl('/_/meet/e2ee_worker.js'), { name: 'e2ee' });
    receiver.transform = new RTCRtpScriptTransform(this.worker, { kind });
  }

  channel(channel) {
    channel.binaryType = 'arraybuffer';
    this.channels[channel.label] = channel;
    if (channel.label === 'audio-frames') FramePlayer.play(channel);
    else channel.onmessage = () => this.meet.heard(channel.label);
  }

  /** The platform's own way to know who speaks on native receivers. */
  pollSources() {
    for (const receiver of this.pc.getReceivers()) if (receiver.track.kind === 'audio') receiver.getContributingSources();
  }

  send(label, bytes) {
    const channel = this.channels[label];
    if (channel?.readyState !== 'open') return false;
    channel.send(bytes);
    return true;
  }

  stateChanged() {
    this.meet.tell({ t: 'connection', state: this.pc.connectionState });
    if (this.pc.connectionState === 'failed') this.meet.connectionLost();
    if (this.pc.connectionState === 'connected') this.meet.connectionBack();
  }

  /** Whether media flows again soon, after the line to the server is back. */
  async recovers() {
    const until = performance.now() + RECOVER_MS;
    while (performance.now() < until) {
      if (['connected', 'completed'].includes(this.pc.iceConnectionState)) return true;
      if (['failed', 'closed'].includes(this.pc.iceConnectionState)) return false;
      await new Promise((done) => setTimeout(done, 100));
    }
    return false;
  }

  close() {
    clearInterval(this.poll);
    this.pc.close();
  }
}
