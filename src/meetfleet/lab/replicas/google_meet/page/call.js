// In the call: tiles, toolbar, panels, captions, chat, menus.
import { dialog, el, icon, notice, show } from './dom.js';
import { deviceButton } from './green_room.js';

const TOOLBAR_HIDES_MS = 3000;
const CAPTION_ROWS = 3;
const CAPTION_STAYS_MS = 4000;
const SPEAKS = 'Oaajhc';
const SILENT = 'gjg47c';

export class Call {
  constructor(meet, words, page) {
    Object.assign(this, { meet, words, page });
    this.tiles = new Map();
    this.captionRows = new Map();
    this.messages = [];
    this.unread = page.unread_chat;
    this.people = { self: '', people: [], shares: [] };
    this.panel = null;
  }

  show() {
    const { words, page } = this;
    this.main = el('main', {});
    this.region = el('div', { role: 'region', 'aria-label': 'Captions', class: 'captions a4cQT', jsname: 'dsyhDe' });
    this.bar = this.toolbar();
    this.live = el('div', { class: 'live', 'aria-live': 'polite' }, 'You have joined the call');
    show(this.main, this.region, this.bar, this.live);
    if (page.toolbar_hides) this.autoHide();
    for (const name of page.call_dialogs) this.interrupt(name);
  }

  toolbar() {
    const { words, page, meet } = this;
    const button = (key, iconName, more = {}) => el('button', { 'aria-label': words.t(key), ...more }, icon(iconName));
    this.captionButton = button('captionsOn', 'closed_caption', { jsname: 'r8qRAd', 'aria-pressed': 'false', onclick: () => this.toggleCaptions() });
    const controls = el('div', { role: 'region', 'aria-label': 'Call controls' },
      deviceButton('button', 'microphone', words, meet), deviceButton('button', 'camera', words, meet),
      page.captions === 'off' ? null : this.captionButton,
      button('reaction', 'mood'), button('share', 'present_to_all'), button('hand', 'back_hand'),
      button('more', 'more_vert', { jsname: 'NakZHc', onclick: () => this.menu() }),
      el('button', { class: 'hangup', jsname: 'CQylAd', 'aria-label': words.t('leaveCall'), onclick: () => this.hangUp() }, icon('call_end')));
    this.chatButton = button('chat', 'chat', { 'data-panel-id': '2', onclick: () => this.toggle('chat') });
    const nav = el('nav', {}, button('details', 'info'), this.peopleButton(), this.chatButton, button('tools', 'category'));
    this.paintChatButton();
    return el('div', { class: 'toolbar' }, el('span', {}, meet.code), controls, nav);
  }

  peopleButton() {
    const onclick = () => this.toggle('people');
    this.badge = el('span', {}, '');
    if (this.page.people_ui === 'badge') {
      this.badge.setAttribute('data-avatar-count', '0');
      return el('div', { role: 'button', 'aria-haspopup': 'dialog', tabindex: '0', onclick }, icon('people'), el('span', {}, 'People'), this.badge);
    }
    this.peopleBtn = el('button', { 'aria-label': this.words.t('people'), 'data-panel-id': '1', role: 'button', onclick }, icon('people'), this.badge);
    return this.peopleBtn;
  }

  autoHide() {
    const hide = () => this.bar.classList.add('hidden');
    let timer = setTimeout(hide, TOOLBAR_HIDES_MS);
    document.addEventListener('mousemove', () => {
      this.bar.classList.remove('hidden');
      clearTimeout(timer);
      timer = setTimeout(hide, TOOLBAR_HIDES_MS);
    });
  }

  // ---- people

  update(people) {
    this.people = people;
    const wanted = new Map();
    for (const share of people.shares) wanted.set(share.id, { ...share, label: `${share.name} (Presenting)`, large: true });
    for (const person of people.people) wanted.set(person.id, { ...person, label: person.name, own: person.id === people.self });
    for (const [id, tile] of this.tiles) if (!wanted.has(id)) { tile.box.remove(); this.tiles.delete(id); }
    for (const [id, who] of wanted) this.tile(id, who);
    this.layOut(people.shares.length > 0);
    this.badge.textContent = String(people.people.length);
    if (this.page.people_ui === 'badge') this.badge.setAttribute('data-avatar-count', String(people.people.length));
    if (this.panel?.kind === 'people') this.openPanel('people');
    this.showSelf(this.meet.camera.stream);
    this.speaking(people.people.filter((p) => p.speaks).map((p) => p.id));
  }

  tile(id, who) {
    let tile = this.tiles.get(id);
    if (!tile) {
      const video = el('video', { autoplay: true, playsinline: true });
      video.muted = true;
      const name = el('span', { class: 'notranslate' });
      const voice = el('div', { class: `voice ${SILENT}`, 'data-audio-level': '0' });
      const box = el('div', { class: 'tile', 'data-participant-id': id }, el('div', { class: 'avatar' }, (who.label || '?')[0]), video, voice);
      box.append(who.own ? el('div', { 'data-self-name': who.label }, name) : name);
      tile = { box, video, name, voice, stream: null };
      this.tiles.set(id, tile);
      if (who.large) this.main.prepend(box); else this.main.append(box);
    }
    tile.box.classList.toggle('large', Boolean(who.large));
    tile.name.textContent = who.label;
    tile.wanted = who.video;
    this.attach(tile);
  }

  /** A picture belongs to a tile by the id of its stream. */
  attach(tile) {
    const stream = tile.wanted ? this.meet.streams.get(tile.wanted) : null;
    tile.video.style.display = stream ? '' : 'none';
    if (tile.stream === stream) return;
    tile.stream = stream;
    tile.video.srcObject = stream ?? null;
    if (stream) tile.video.play().catch(() => {});
  }

  /** One's own tile shows one's own camera. */
  showSelf(stream) {
    const tile = this.tiles.get(this.people.self);
    if (!tile || tile.video.srcObject === stream) return;
    tile.video.style.display = stream ? '' : 'none';
    tile.video.srcObject = stream;
    if (stream) tile.video.play().catch(() => {});
  }

  streamArrived() {
    for (const tile of this.tiles.values()) this.attach(tile);
  }

  layOut(withShare) {
    const count = Math.max(1, this.tiles.size);
    const columns = withShare ? 2 : Math.ceil(Math.sqrt(count));
    const rows = withShare ? count - 1 : Math.ceil(count / columns);
    const width = innerWidth - 16 - (this.panel ? 360 : 0), height = innerHeight - 92;
    const fit = Math.min(width / columns, (height / Math.max(1, rows)) * 16 / 9) - 8;
    this.main.style.gridTemplateColumns = withShare ? `minmax(0, 4fr) minmax(0, 1fr)` : `repeat(${columns}, ${Math.floor(fit)}px)`;
  }

  speaking(ids) {
    for (const [id, tile] of this.tiles) {
      const speaks = ids.includes(id);
      tile.box.classList.toggle('speaking', speaks);
      tile.voice.classList.toggle(SPEAKS, speaks);
      tile.voice.classList.toggle(SILENT, !speaks);
      tile.voice.setAttribute('data-audio-level', speaks ? '0.5' : '0');
    }
  }

  // ---- panels

  toggle(kind) {
    if (this.panel?.kind === kind) this.closePanel(); else this.openPanel(kind);
  }

  closePanel() {
    this.panel?.box.remove();
    this.panel = null;
    this.main.classList.remove('panel-open');
    this.layOut(this.people.shares.length > 0);
  }

  openPanel(kind) {
    this.panel?.box.remove();
    const box = kind === 'people' ? this.peoplePanel() : this.chatPanel();
    box.prepend(el('button', { 'aria-label': 'Close', onclick: () => this.closePanel() }, icon('close')));
    this.panel = { kind, box };
    document.body.append(box);
    this.main.classList.add('panel-open');
    this.layOut(this.people.shares.length > 0);
    if (kind === 'chat') { this.unread = false; this.paintChatButton(); }
    this.meet.tell({ t: 'panel_opened', name: kind });
  }

  peoplePanel() {
    const list = el('div', { 'aria-label': 'Participants', role: 'list' });
    for (const person of this.people.people) {
      const own = person.id === this.people.self;
      list.append(el('div', { role: 'listitem', 'aria-label': person.name, 'data-participant-id': person.id },
        el('span', { class: 'zWGUib' }, person.name), own ? el('span', {}, '(You)') : null,
        person.host ? el('span', {}, 'Meeting host') : null, el('button', { 'aria-label': 'More actions' }, icon('more_vert'))));
    }
    for (const share of this.people.shares) {
      list.append(el('div', { role: 'listitem', 'aria-label': share.name, 'data-participant-id': share.id },
        el('span', { class: 'zWGUib' }, share.name), el('span', {}, 'Presentation')));
    }
    return el('div', { class: 'panel', 'data-panel-id': '1' }, el('h2', {}, 'People'), list);
  }

  chatPanel() {
    this.list = el('div', { class: 'messages', 'aria-live': 'polite', 'data-panel-id': '2' });
    for (const message of this.messages) this.list.append(this.messageRow(message));
    const panel = el('div', { class: 'panel' }, el('h2', {}, 'In-call messages'), this.list);
    if (!this.page.chat) { panel.append(el('p', {}, 'Only the host can send messages')); return panel; }
    const area = el('textarea', { 'aria-label': 'Send a message', placeholder: 'Send a message', maxlength: '500' });
    const send = () => {
      if (!area.value.trim()) return;
      this.meet.sendChat(area.value.trim());
      area.value = '';
    };
    area.addEventListener('keydown', (e) => { if (e.key === 'Enter' && !e.shiftKey) { e.preventDefault(); send(); } });
    panel.append(area, el('button', { 'aria-label': 'Send a message', onclick: send }, icon('send')));
    return panel;
  }

  messageRow({ id, name, text, own }) {
    return el('div', { 'data-message-id': id }, el('b', {}, own ? 'You' : name), el('div', { jsname: 'dTKtvb' }, text));
  }

  chat(message) {
    this.messages.push(message);
    if (this.panel?.kind === 'chat') { this.list.append(this.messageRow(message)); return; }
    if (!message.own) { this.unread = true; this.paintChatButton(); notice(`${message.name}: ${message.text}`, { 'data-message-id': message.id }); }
  }

  paintChatButton() {
    this.chatButton.setAttribute('aria-label', this.words.t('chat') + (this.unread ? ' - New message' : ''));
  }

  // ---- captions

  toggleCaptions() {
    this.captionsOn = !this.captionsOn;
    this.captionButton.setAttribute('aria-label', this.words.t(this.captionsOn ? 'captionsOff' : 'captionsOn'));
    this.captionButton.setAttribute('aria-pressed', String(this.captionsOn));
    this.meet.tell({ t: 'captions', on: this.captionsOn });
  }

  caption({ id, name, text, final }) {
    if (!this.captionsOn) return;
    let row = this.captionRows.get(id);
    if (!row) {
      row = el('div', { class: 'nMcdL' }, el('span', { class: 'KcIKyf zs7s8d' }, name), el('span', { class: 'bh44bd', jsname: 'tgaKEf' }));
      this.captionRows.set(id, row);
      this.region.append(row);
      while (this.region.children.length > CAPTION_ROWS) this.region.firstChild.remove();
    }
    row.lastChild.textContent = text;
    if (final) setTimeout(() => { row.remove(); this.captionRows.delete(id); }, CAPTION_STAYS_MS);
  }

  // ---- menus, dialogs, leaving

  menu() {
    document.querySelector('.menu')?.remove();
    const menu = el('ul', { class: 'menu', role: 'menu' });
    const item = (text, then, more = {}) => menu.append(el('li', { role: 'menuitem', ...more, onclick: () => { menu.remove(); then(); } }, el('span', {}, text)));
    item(this.page.layout_menu, () => dialog(['Tiled', 'Spotlight', 'Sidebar'], [{ text: 'Close', 'aria-label': 'Close' }]), { jsname: 'WZerud' });
    item('Settings', () => dialog(['Audio', 'Video', 'Captions'], [{ text: 'Close', 'aria-label': 'Close dialog' }]));
    document.body.append(menu);
  }

  interrupt(name) {
    const closed = () => this.meet.tell({ t: 'dialog_closed', name });
    if (name === 'recording_consent') dialog(['This video call is being recorded', 'By joining you agree to being recorded.'], [{ text: 'Join now', 'data-mdc-dialog-action': 'ok', then: closed }]);
    if (name === 'others_may_see') dialog(['Others may see your video differently'], [{ text: 'Got it', then: closed }]);
    if (name === 'gemini_pill') document.body.append(el('div', { class: 'pill' }, 'Gemini is taking notes'));
    if (name === 'alert_toast') notice('Your mic is off', { role: 'alert' });
  }

  banner(text) {
    this.veil?.remove();
    this.veil = text ? el('div', { class: 'banner' }, text) : null;
    if (this.veil) document.body.append(this.veil);
  }

  hangUp() {
    if (!this.page.leave_confirm) { this.meet.leave(); return; }
    dialog(['Leave the meeting?'], [
      { text: 'End the meeting for everyone', then: () => this.meet.tell({ t: 'ended_for_everyone' }) },
      { text: 'Just leave the meeting', then: () => this.meet.leave() },
    ]);
  }
}
