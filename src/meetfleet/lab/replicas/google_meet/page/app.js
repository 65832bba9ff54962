// The page as a whole: which screen is shown, what the server says, what the person does.
import { Call } from './call.js';
import { OwnCamera } from './camera.js';
import { Connection, audioPath } from './connection.js';
import { el } from './dom.js';
import { GreenRoom, showDenied, showLoadError, showLobby, showMessage } from './green_room.js';
import { Socket } from './socket.js';
import { texts } from './texts.js';
import { chatRequest } from './wire.js';

const RPC = '/$rpc/google.rtc.meetings.v1.';
const SNAPSHOT_EVERY_MS = 5000;
const config = JSON.parse(document.getElementById('config').textContent);
const page = config.page;
const words = texts(page);
const policy = window.trustedTypes?.createPolicy('meet', { createScriptURL: (url) => url });

class Meet {
  constructor() {
    this.code = config.code;
    this.devices = { microphone: true, camera: true };
    this.painters = [];
    this.streams = new Map();
    this.answers = new Map();
    this.asked = 0;
    this.sent = 0;
    this.moves = 0;
    this.signals = {};
    this.path = audioPath(page.audio);
    this.sounds = this.path === 'neteq' || this.path === 'worklet' ? [] : [...Array(config.streams)].map(() => el('audio', { autoplay: true, 'data-stays': true }));
    this.used = 0;
    document.body.append(...this.sounds);
    if (page.captcha === 'invisible') {
      document.body.append(el('iframe', { class: 'unseen', 'data-stays': true, title: 'reCAPTCHA', src: 'https://www.google.com/recaptcha/enterprise/anchor?size=invisible' }));
    }
    document.addEventListener('mousemove', () => { this.moves++; });
    document.addEventListener('keydown', (e) => this.shortcut(e));
    this.socket = new Socket(config.code, config.visit, (message) => this.on(message), (up) => this.line(up));
    this.tell({ t: 'audio_path', path: this.path });
    this.camera = new OwnCamera(this, (stream) => this.cameraChanged(stream));
    this.camera.set(true);
    new GreenRoom(this, words, page).show();
  }

  // ---- to the server

  tell(message) { this.socket.tell(message); }

  /** Sends an offer and waits for its answer. */
  exchange(message) {
    const id = ++this.asked;
    this.tell({ ...message, id });
    return new Promise((done) => this.answers.set(id, done));
  }

  rpc(method, body = '') {
    return fetch(RPC + method, { method: 'POST', body, headers: { 'X-Goog-Meeting': `${config.code}/${config.visit}`, 'Content-Type': 'application/x-protobuf' } });
  }

  async createDevice() {
    try { await (await this.rpc('MeetingDeviceService/CreateMeetingDevice')).text(); } catch { /* the network is cut */ }
  }

  async snapshot() {
    try { await (await this.rpc('MeetingSpaceService/SyncMeetingSpaceCollections')).text(); } catch { /* next time */ }
  }

  sendChat(text) {
    if (!this.connection?.send('meet_messages', chatRequest(++this.sent, text))) this.tell({ t: 'chat', text });
  }

  leave() {
    this.tell({ t: 'leave' });
  }

  toggle(kind) {
    this.devices[kind] = !this.devices[kind];
    for (const paint of this.painters) paint();
    this.tell({ t: 'device', kind, on: this.devices[kind] });
    if (kind === 'camera') this.camera.set(this.devices.camera);
  }

  /** The picture of oneself, and what the others get. */
  cameraChanged(stream) {
    for (const video of document.querySelectorAll('.preview video')) video.srcObject = stream;
    this.call?.showSelf(stream);
    this.connection?.sendCamera(stream);
  }

  shortcut(event) {
    if (!event.ctrlKey || !event.isTrusted) return;
    if (event.key === 'd') { event.preventDefault(); this.toggle('microphone'); }
    if (event.key === 'e') { event.preventDefault(); this.toggle('camera'); }
  }

  scriptUrl(url) { return policy ? policy.createScriptURL(url) : url; }

  // ---- from the server

  on(message) {
    const handlers = {
      state: () => this.state(message.state, message.people),
      answer: () => { this.answers.get(message.id)?.(message.sdp); this.answers.delete(message.id); },
      people: () => this.people(message.people),
      speaking: () => this.call?.speaking(message.ids),
      caption: () => this.call?.caption(message),
      chat: () => this.call?.chat(message),
      dialog: () => this.call?.interrupt(message.name),
      freeze: () => this.freeze(message.seconds),
    };
    handlers[message.t]?.();
  }

  state(state, people) {
    if (state === 'in_call') { this.enter(people); return; }
    if (state === 'waiting') { if (this.shown !== state) showLobby(this, words, page); this.shown = state; return; }
    this.shown = state;
    this.exit();
    if (state === 'denied') showDenied(this, words, page);
    else if (state === 'no_answer') showMessage(words, words.t('noAnswer'));
    else if (state === 'removed') showMessage(words, words.t('removed'), '', { class: 'roSPhc' });
    else showMessage(words, words.t(state));
  }

  enter(people) {
    if (!this.call) {
      this.shown = 'in_call';
      this.call = new Call(this, words, page);
      this.call.show();
      this.snapshot();
      this.polling = setInterval(() => this.snapshot(), SNAPSHOT_EVERY_MS);
      if (page.freeze_after_s !== null) setTimeout(() => this.freeze(page.freeze_for_s), page.freeze_after_s * 1000);
      this.connect();
    } else if (this.connection) {
      this.resume();
    }
    this.people(people);
  }

  exit() {
    clearInterval(this.polling);
    this.connection?.close();
    this.connection = this.call = null;
    this.socket.close();
  }

  connect() {
    this.connection?.close();
    this.streams.clear();
    this.used = 0;
    this.connection = new Connection(this, config, this.path);
    this.connection.sendCamera(this.camera.stream);
  }

  people(people) {
    if (!this.call || !people) return;
    this.call.update(people);
    const ids = [...people.people, ...people.shares].map((p) => p.video).filter(Boolean);
    this.connection?.want(ids);
  }

  streamArrived(id, stream) {
    this.streams.set(id, stream);
    this.call?.streamArrived();
  }

  audioArrived(track) {
    const sound = this.sounds[this.used++ % this.sounds.length];
    sound.srcObject = new MediaStream([track]);
    sound.play().catch(() => {});
  }

  heard(label) { this.signals[label] = (this.signals[label] ?? 0) + 1; }

  // ---- trouble

  line(up) {
    if (!up) this.call?.banner('Reconnecting…');
  }

  connectionLost() {
    this.call?.banner('Reconnecting…');
    if (this.socket.ws.readyState === WebSocket.OPEN) this.rebuild();
  }

  connectionBack() { this.call?.banner(null); }

  /** The line is back: media goes on, or is set up anew. */
  async resume() {
    if (await this.connection.recovers()) this.connectionBack();
    else this.rebuild();
  }

  rebuild() {
    const people = this.call?.people;
    this.connect();
    this.people(people);
  }

  freeze(seconds) {
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) { /* the page hangs */ }
  }
}

if (page.load === 'ok') new Meet();
else {
  if (config.visit) new Socket(config.code, config.visit, () => {}, () => {}).tell({ t: 'refused', load: page.load });
  showLoadError(page.load, words);
}
