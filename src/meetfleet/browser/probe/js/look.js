// Whether somebody looks at the page. If not, video decoders starve and pictures need not be composed.

/** The state for all video of this script's scope. */
const look = {
  starve: false,
  until: 0,
  askKey: false,
  isReal: () => !look.starve || performance.now() < look.until,
};

/**
 * Obeys `{starve}` and `{ms, askKey, ask}`: real pictures for `ms`. Once every moving picture is real again, or in vain at
 * the end of that time, tells the bot how many are still black.
 */
function setLook(link, command, taps) {
  if (command.starve !== undefined) look.starve = command.starve;
  if (command.ms === undefined) return;
  look.until = performance.now() + command.ms;
  look.askKey = command.askKey !== false;
  const timer = native.setInterval(() => {
    const waiting = [...taps].filter((tap) => tap.facts.kind === 'video' && tap.isMoving && !tap.isReal).length;
    if (waiting && performance.now() < look.until) return;
    native.clearInterval(timer);
    link.note({ t: 'looking', ask: command.ask, waiting });
  }, 20);
}

/** While nobody looks, video elements and other busy parts are not painted. The page's layout stays as it is. */
class Curtain {
  #sheet = null;

  /** `undrawn`: selectors of those other parts. */
  constructor(undrawn) {
    this.undrawn = undrawn;
  }

  update() {
    if (!this.#sheet && look.isReal()) return;
    this.#sheet ??= this.#make();
    const sheets = document.adoptedStyleSheets;
    const drawn = sheets.includes(this.#sheet);
    if (drawn === !look.isReal()) return;
    document.adoptedStyleSheets = drawn ? sheets.filter((other) => other !== this.#sheet) : [...sheets, this.#sheet];
  }

  #make() {
    const sheet = new CSSStyleSheet();
    const parts = this.undrawn.map((selector) => `${selector} { content-visibility: hidden !important }`);
    sheet.replaceSync(['video { visibility: hidden !important }', ...parts].join('\n'));
    return sheet;
  }
}
