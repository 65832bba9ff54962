// Before the call: the green room with its dialogs, the lobby in its kinds, and the pages that refuse.
import { dialog, el, icon, show, toast } from './dom.js';

const RENDER_MS = 150;

/** A switch for microphone or camera whose label says what a click would do. */
export function deviceButton(tag, kind, words, meet) {
  const [on, off] = kind === 'microphone' ? ['micOn', 'micOff'] : ['camOn', 'camOff'];
  const button = el(tag, { role: tag === 'div' ? 'button' : null, tabindex: '0' }, icon(kind === 'microphone' ? 'mic' : 'videocam'));
  const paint = () => {
    button.setAttribute('aria-label', words.t(meet.devices[kind] ? on : off));
    button.setAttribute('data-is-muted', String(!meet.devices[kind]));
  };
  button.addEventListener('click', () => meet.toggle(kind));
  meet.painters.push(paint);
  paint();
  return button;
}

function selfVideo(meet) {
  const video = el('video', { autoplay: true, playsinline: true });
  video.muted = true;
  video.srcObject = meet.camera?.stream ?? null;
  return video;
}

function preview(words, meet) {
  return el('div', { class: 'preview', 'data-participant-id': 'effects', 'aria-label': 'visual_effects Backgrounds and effects' },
    el('span', { class: 'self' }, 'Camera preview'), selfVideo(meet), deviceButton('div', 'microphone', words, meet), deviceButton('div', 'camera', words, meet));
}

const moreOptions = (words) => el('button', { 'aria-label': words.t('more'), jsname: 'NakZHc' }, icon('more_vert'));

function decoys() {
  return [
    el('button', { jsname: 'A1b2c3' }, el('span', {}, 'Join and use a phone for audio')),
    el('button', { jsname: 'D4e5f6' }, el('span', {}, 'Present')),
    el('button', { jsname: 'G7h8i9', 'aria-label': 'More options' }, el('span', {}, 'Join')),
    el('button', { jsname: 'J1k2l3' }, el('span', {}, 'Other ways to join')),
  ];
}

export class GreenRoom {
  constructor(meet, words, page) {
    Object.assign(this, { meet, words, page });
    this.name = '';
  }

  show() {
    this.side = el('div', { class: 'column' }, el('p', {}, 'Getting ready…'));
    show(el('div', { class: 'screen', jscontroller: 'GmGreen' }, preview(this.words, this.meet), this.side));
    setTimeout(() => this.fill(), RENDER_MS);
  }

  fill() {
    const { words, page } = this;
    this.join = el('button', { class: 'join', jsname: 'Qx7uuf', disabled: true, onclick: (e) => this.clicked(e) }, el('span', { jsname: 'V67aGc' }, page.join_button));
    this.field = el('div', { jscontroller: 'GmName' });
    const kids = page.decoys ? decoys() : [];
    this.side.replaceChildren(el('h1', {}, words.t('ready')), ...kids, this.field, this.join, moreOptions(words));
    const delay = page.name_input === 'late' ? page.name_input_delay_s * 1000 : 0;
    if (page.name_input === 'none') { this.name = 'Signed in'; this.join.disabled = false; } else setTimeout(() => this.placeName(), delay);
    if (page.name_input === 'late') setTimeout(() => this.placeName(), delay + 700);
    this.dialogs();
  }

  /** Puts the name field in, or another one in its place: whatever was typed is gone. */
  placeName() {
    const label = this.words.t('yourName');
    const input = el('input', { type: 'text', jsname: 'YPqjbf', 'aria-label': label, placeholder: label, maxlength: '60', autocomplete: 'off' });
    input.addEventListener('input', () => { this.name = input.value.trim(); this.join.disabled = !this.name; });
    input.addEventListener('change', () => this.meet.tell({ t: 'name_typed', length: input.value.length }));
    this.name = '';
    this.join.disabled = true;
    this.field.replaceChildren(input);
  }

  dialogs() {
    const { page, words, meet } = this;
    if (page.dialogs.includes('device_prompt')) {
      this.side.style.visibility = 'hidden';
      dialog(['Do you want people to hear and see you in the meeting?'], [
        { text: words.t('withoutDevices'), then: () => { this.side.style.visibility = ''; meet.tell({ t: 'dialog_closed', name: 'device_prompt' }); } },
      ]);
    }
    if (page.dialogs.includes('promo')) {
      dialog(['Sign in with your Google account'], [{ text: 'Got it', then: () => meet.tell({ t: 'dialog_closed', name: 'promo' }) }]);
    }
    if (page.dialogs.includes('toast')) toast('Microphone not found', () => meet.tell({ t: 'dialog_closed', name: 'toast' }));
  }

  async clicked(event) {
    if (!this.name) return;
    this.join.disabled = true;
    this.meet.tell({ t: 'join_pressed', trusted: event.isTrusted, moves: this.meet.moves });
    if (this.page.captcha === 'visible') { this.challenge(); return; }
    await this.meet.createDevice();
    this.meet.tell({ t: 'ask', name: this.name, button: this.page.join_button });
  }

  challenge() {
    const frame = el('iframe', { class: 'challenge', title: 'reCAPTCHA', src: 'https://www.google.com/recaptcha/enterprise/anchor' });
    this.side.replaceChildren(el('h1', {}, 'Confirm that you are not a robot'), frame, el('button', {}, el('span', {}, 'Try again')));
    this.meet.tell({ t: 'challenge_shown' });
  }
}

/** The lobby. The preview stays; the host-managed kind shows call controls although nobody is in the call. */
export function showLobby(meet, words, page) {
  const home = el('button', { onclick: () => meet.leave() }, el('span', {}, words.t('home')));
  const side = el('div', { class: 'column' });
  const screen = el('div', { class: 'screen' }, preview(words, meet), side);
  const leave = el('button', { class: 'hangup', 'aria-label': words.t('leaveCall'), onclick: () => meet.leave() }, icon('call_end'));
  if (page.lobby === 'host_managed') {
    side.append(el('h1', {}, words.t('hostManaged')));
    const controls = ['reaction', 'hand'].map((key) => el('button', { 'aria-label': words.t(key) }, icon(key)));
    const bar = el('div', { class: 'toolbar' },
      el('div', { role: 'region', 'aria-label': 'Call controls' }, deviceButton('button', 'microphone', words, meet), deviceButton('button', 'camera', words, meet), ...controls, moreOptions(words), leave),
      el('nav', {}, el('button', { 'aria-label': words.t('people'), 'data-panel-id': '1', role: 'button' }, icon('people'))));
    show(screen, bar);
    return;
  }
  const key = page.lobby === 'host_absent' ? 'hostAbsent' : 'asking';
  side.append(el('h1', {}, words.t(key)), el('p', {}, page.lobby === 'host_absent' ? '' : words.t('willJoin')), home, leave);
  show(screen);
}

/** The host's no, above the lobby's texts, which stay. */
export function showDenied(meet, words, page) {
  const column = document.querySelector('.column');
  column.prepend(el('h1', {}, words.raw(page.denied_text)));
}

/** A page with a message and the way home. */
export function showMessage(words, title, detail = '', attributes = {}) {
  show(el('div', { class: 'screen' }, el('div', { class: 'column' },
    el('div', attributes, el('h1', {}, title)), el('p', {}, detail), el('button', {}, el('span', {}, words.t('home'))))));
}

/** What is shown instead of the green room. */
export function showLoadError(kind, words) {
  if (kind === 'sign_in') {
    show(el('div', { class: 'screen' }, el('div', { class: 'column' },
      el('h1', {}, 'Sign in'), el('p', {}, 'Use your Google Account to continue to Meet'), el('button', {}, el('span', {}, 'Next')))));
  } else if (kind === 'sign_in_redirect') {
    location.replace(`https://accounts.google.com/v3/signin/identifier?continue=${encodeURIComponent(location.href)}`);
  } else if (kind === 'redirect_away') {
    location.replace('https://workspace.google.com/products/meet');
  } else {
    const [title, detail] = words.load(kind);
    showMessage(words, title, detail);
  }
}
