// Building blocks. Markup is made by calls only: the page runs under Trusted Types.

/** el('button', {class: 'join', 'aria-label': 'Join', onclick: f}, 'text', child, ...) */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** An icon as the platform writes it: a ligature's name in an <i>. */
export const icon = (name) => el('i', { class: 'google-material-icons', 'aria-hidden': 'true' }, name);

/** Replaces everything in the body but what is marked to stay. */
export function show(...nodes) {
  for (const old of [...document.body.children]) if (!old.hasAttribute('data-stays')) old.remove();
  document.body.append(...nodes);
}

/** A modal dialog; `close` removes it. */
export function dialog(texts, buttons, attributes = {}) {
  const veil = el('div', { class: 'veil' });
  const close = () => veil.remove();
  const box = el('div', { class: 'dialog', role: 'dialog', 'aria-modal': 'true', ...attributes });
  for (const text of texts) box.append(el('p', {}, text));
  for (const { text, then, ...more } of buttons) {
    box.append(el('button', { ...more, onclick: () => { close(); then?.(); } }, el('span', {}, text)));
  }
  veil.append(box);
  document.body.append(veil);
  return close;
}

/** A small persistent notice with nothing but a close icon; Escape does nothing to it. */
export function toast(text, onClosed) {
  const box = el('div', { class: 'toast', role: 'dialog', 'data-is-persistent': 'true' }, text);
  box.append(el('button', { 'aria-label': 'Close', onclick: () => { box.remove(); onClosed?.(); } }, icon('close')));
  document.body.append(box);
}

/** A notice that goes away by itself. */
export function notice(text, attributes = {}, seconds = 4) {
  const box = el('div', { class: 'toast', ...attributes }, text);
  document.body.append(box);
  setTimeout(() => box.remove(), seconds * 1000);
}
