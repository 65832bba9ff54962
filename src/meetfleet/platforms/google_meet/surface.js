// Reads names, speaking marks and caption rows off Google Meet's page. Class names rotate; each has a structural
// neighbour in the selectors below. Run by Page.evaluate; caption rows get a number of their own to be told apart.
() => {
  const SPEAKING = ['Oaajhc', 'HX2H7', 'wEsLMd', 'OgVli'];
  const SILENT = 'gjg47c';
  const NAME = 'span.notranslate, .zWGUib, .XWGOtd, .cS7aqe.N2K3jd';
  const ROWS = '[role="region"][aria-label*="aption" i] .nMcdL, div[jsname="dsyhDe"] .nMcdL, .a4cQT .nMcdL';
  const ROW_NAME = '.KcIKyf, .zs7s8d, .NWpY1d, .jxFHg';
  const ROW_TEXT = 'div[jsname="tgaKEf"], .bh44bd, .iTTPOb';
  const ROW = Symbol.for('caption-row');
  const text = (el) => (el ? el.textContent.replace(/\s+/g, ' ').trim() : '');

  const isEffects = (el) => /^(visual_effects|Backgrounds and effects)/.test(el.getAttribute('aria-label') || '');
  const speaks = (tile) => {
    if (tile.querySelector(`.${SILENT}`)) return false;
    if (tile.matches('[data-audio-level]:not([data-audio-level="0"])')) return true;
    const mark = [...SPEAKING.map((c) => `.${c}`), '[data-audio-level]:not([data-audio-level="0"])'].join(', ');
    return tile.matches(mark) || !!tile.querySelector(mark);
  };
  const tiles = [...document.querySelectorAll('[data-participant-id]')]
    .filter((el) => !isEffects(el) && !el.closest('[role="list"]'))
    .map((el) => {
      const own = el.matches('[data-self-name]') ? el : el.querySelector('[data-self-name]');
      return {
        id: el.getAttribute('data-participant-id'),
        name: own ? own.getAttribute('data-self-name') || text(el.querySelector(NAME)) : text(el.querySelector(NAME)),
        is_self: !!own,
        speaks: speaks(el),
      };
    });

  const cohorts = new Set();
  const listed = [...document.querySelectorAll('div[aria-label="Participants"][role="list"] [role="listitem"]')]
    .filter((row) => {
      const cohort = row.getAttribute('data-cohort-id');
      if (cohort && cohorts.has(cohort)) return false; // an adaptive audio group is one room
      if (cohort) cohorts.add(cohort);
      return !/\b(Presentation|Your presentation)\b/.test(text(row));
    })
    .map((row) => ({
      id: row.getAttribute('data-participant-id') || '',
      name: row.getAttribute('aria-label') || text(row.querySelector(NAME)),
      is_self: /\(You\)/.test(text(row)),
      is_host: /Meeting host/.test(text(row)),
    }))
    .filter((row) => row.name);

  let rowNumber = window[ROW] || 0;
  const captions = [...document.querySelectorAll(ROWS)].map((row) => {
    if (!row[ROW]) {
      rowNumber += 1;
      Object.defineProperty(row, ROW, { value: rowNumber });
      Object.defineProperty(window, ROW, { value: rowNumber, configurable: true });
    }
    return { row: row[ROW], name: text(row.querySelector(ROW_NAME)), text: text(row.querySelector(ROW_TEXT)) };
  }).filter((row) => row.text);

  return { tiles, listed, captions };
}
