// Looks at a page once and answers everything the bot wants to know about it. One function expression, run by
// Page.evaluate with a task:
//   screens, dialogs   rules of screens.toml; the first screen that holds wins, every dialog that holds is reported
//   find               ordered locators; the first with a visible element wins
//   mute               selectors of places where people's own words stand: no text in there says what the page shows
//   act                what to do with the found element without a pointer: 'click', 'focus' or 'clear'
// Nothing is left behind in the page.
(task) => {
  const CLICKABLE = 'button, [role="button"], [role="menuitem"], [role="link"], a[href], input[type="submit"]';
  const QUIET = 'i, svg, [aria-hidden="true"]'; // icon ligatures and decoration inside buttons
  const norm = (s) => (s || '').replace(/[\u2018\u2019\u02bc]/g, "'").replace(/\s+/g, ' ').trim().toLowerCase();
  const all = (css) => [...document.querySelectorAll(css)];
  const mute = (task.mute || []).join(', ') || 'script';
  let pageText = null;
  const shown = () => (pageText ??= norm(document.body && document.body.innerText));
  let labels = null;
  const labelled = () => (labels ??= all('[aria-label]').map((el) => [norm(el.getAttribute('aria-label')), el]));

  // Visible to a person: drawn, not transparent, larger than the 1-pixel boxes of screen-reader texts.
  const seen = (el) => {
    if (!el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const box = el.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || box.right <= 0 || box.bottom <= 0) return false;
    for (let up = el.parentElement; up && up !== document.body; up = up.parentElement) {
      if (up.clientWidth < 2 || up.clientHeight < 2) {
        const style = getComputedStyle(up);
        if (style.overflow !== 'visible' && style.display !== 'inline' && style.display !== 'contents') return false;
      }
    }
    return true;
  };

  // The deepest visible elements that hold the whole text.
  const holdsText = (root, text) => {
    if (!norm(root.textContent).includes(text)) return false;
    let deeper = false;
    for (const child of root.children) {
      if (!norm(child.textContent).includes(text)) continue;
      deeper = true;
      if (!child.matches(`script, style, noscript, template, ${mute}`) && holdsText(child, text)) return true;
    }
    return !deeper && seen(root);
  };

  const ownText = (el) => {
    let text = '';
    const walk = (node) => {
      for (const child of node.childNodes) {
        if (child.nodeType === 3) text += child.data;
        else if (child.nodeType === 1 && !child.matches(QUIET)) { text += ' '; walk(child); text += ' '; }
      }
    };
    walk(el);
    return norm(text);
  };
  const iconsOf = (el) => [...el.querySelectorAll('i')].map((i) => norm(i.textContent));

  // Elements that css, label, exact text and icon of a clause or locator name together.
  const elements = (c) => {
    let found;
    if (c.label !== undefined || c.label_has !== undefined) {
      const start = norm(c.label), part = norm(c.label_has);
      found = labelled().filter(([l]) => l.startsWith(start) && l.includes(part)).map(([, el]) => el);
      if (c.css) found = found.filter((el) => el.matches(c.css));
    } else {
      found = all(c.css || CLICKABLE);
    }
    if (!c.css) found = found.filter((el) => !el.closest(mute));
    if (c.exact !== undefined) found = found.filter((el) => ownText(el) === norm(c.exact));
    if (c.icon !== undefined) found = found.filter((el) => iconsOf(el).includes(norm(c.icon)));
    return found;
  };

  const leaf = (c) => {
    if (c.host) return c.host.includes(location.hostname);
    if (c.host_not) return location.protocol.startsWith('http') && !c.host_not.includes(location.hostname);
    if (c.url) return new RegExp(c.url).test(location.href);
    if (c.text !== undefined && !c.css) return shown().includes(norm(c.text)) && holdsText(document.body, norm(c.text));
    if (c.text !== undefined) return all(c.css).some((el) => holdsText(el, norm(c.text)));
    const [w, h] = c.min_size || [0, 0];
    return elements(c).some((el) => {
      if (c.visible && !seen(el)) return false;
      const box = c.min_size && el.getBoundingClientRect();
      return !box || (box.width >= w && box.height >= h);
    });
  };
  const describe = (c) => c.text ?? c.exact ?? c.label ?? c.label_has ?? c.icon ?? c.css ?? c.url ?? location.hostname;
  const GROUPS = ['any', 'all', 'not', 'at_least'];
  const holds = (c, why) => {
    if (!GROUPS.some((g) => g in c)) {
      const yes = leaf(c);
      if (yes) why.push(describe(c));
      return yes;
    }
    if (c.not && c.not.some((it) => holds(it, []))) return false;
    if (c.all && !c.all.every((it) => holds(it, why))) return false;
    if (c.at_least && c.at_least.of.filter((it) => holds(it, why)).length < c.at_least.n) return false;
    return !c.any || c.any.some((it) => holds(it, why));
  };

  const centre = (el) => {
    let box = el.getBoundingClientRect();
    if (box.bottom > innerHeight || box.top < 0 || box.right > innerWidth || box.left < 0) {
      el.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
      box = el.getBoundingClientRect();
    }
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const locate = (locators) => {
    let hidden = null;
    for (let i = 0; i < locators.length; i++) {
      const found = elements(locators[i]);
      if (locators[i].last) found.reverse();
      const el = found.find(seen);
      if (el) return [i, el, true];
      if (found.length && !hidden) hidden = [i, found[0], false];
    }
    return hidden;
  };
  const ACTS = {
    click: (el) => el.click(),
    focus: (el) => el.focus(),
    clear: (el) => { el.focus(); el.select(); document.execCommand('delete'); },
  };
  const report = ([index, el, visible]) => {
    const [x, y] = visible ? centre(el) : [0, 0];
    const top = visible ? document.elementFromPoint(x, y) : null;
    const covered = visible && !!top && top !== el && !el.contains(top) && !top.contains(el);
    if (task.act) ACTS[task.act](el);
    return {
      index, x, y, visible, covered,
      covered_by: covered ? norm(top.getAttribute('aria-label') || top.textContent).slice(0, 80) : '',
      disabled: !!el.disabled || el.getAttribute('aria-disabled') === 'true',
      label: (el.getAttribute('aria-label') || ownText(el)).slice(0, 80),
      value: typeof el.value === 'string' ? el.value : null,
      focused: document.activeElement === el,
    };
  };

  const answer = { url: location.href, ready: !!document.body && document.readyState !== 'loading' };
  if (!document.body) return answer;
  if (task.screens) {
    answer.screen = task.screens.findIndex((rule) => { const why = []; if (holds(rule, why)) answer.why = why; return !!answer.why; });
    if (answer.screen < 0) {
      answer.labels = all(`h1, h2, ${CLICKABLE}`).filter(seen).slice(0, 30)
        .map((el) => (ownText(el) || el.getAttribute('aria-label') || '').slice(0, 40)).filter(Boolean);
    }
  }
  if (task.dialogs) {
    answer.dialogs = [];
    task.dialogs.forEach((rule, index) => {
      if (!holds(rule, [])) return;
      const button = locate(rule.click);
      answer.dialogs.push({ index, at: button && button[2] ? centre(button[1]) : null });
    });
  }
  if (task.find) {
    const found = locate(task.find);
    answer.found = found ? report(found) : null;
  }
  return answer;
}
