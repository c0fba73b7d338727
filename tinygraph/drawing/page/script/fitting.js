// Texts of another length keep to their card: a row in its middle stays there, and one that is too wide is drawn closer.
const WITHIN = 4, drawnAt = new WeakMap();
function asDrawn(text) {
  if (!drawnAt.has(text)) {
    const x = Number(text.getAttribute('x')), width = Number(text.getAttribute('textLength')) || text.getComputedTextLength();
    drawnAt.set(text, { x, width });
  }
  return drawnAt.get(text);
}

function noteTexts() {
  for (const text of svg.querySelectorAll(':is([data-box^="v"], [data-box^="g"], [data-box^="s"], [data-link]) > text')) asDrawn(text);
}

function fitTexts() {
  for (const { node } of liveData.values) {
    for (const group of [groups[`v${node}`], groups[`g${node}`]]) if (group) fitCard(group);
  }
  picture.links.forEach(([, , kind], place) => {
    for (const text of kind === 'backward' ? arrows[`e${place}`]?.querySelectorAll('text') ?? [] : []) {
      const { x, width } = asDrawn(text);
      text.setAttribute('x', x + (width - text.getComputedTextLength()) / 2);
    }
  });
}

function fitCard(group) {
  const card = group.querySelector('path, polygon')?.getBBox(), rows = new Map();
  for (const text of group.querySelectorAll(':scope > text')) rows.set(text.getAttribute('y'), [...rows.get(text.getAttribute('y')) ?? [], text]);
  for (const row of card ? rows.values() : []) {
    if (row.every(text => text.hasAttribute('textLength') && !text.dataset.fitted)) continue;
    const start = asDrawn(row[0]).x, last = asDrawn(row.at(-1)), end = last.x + last.width, middle = card.x + card.width / 2;
    row.forEach(text => { text.dataset.fitted = true; text.removeAttribute('textLength'); });
    const widths = row.map(text => text.getComputedTextLength()), total = widths.reduce((sum, width) => sum + width, 0);
    const isCentred = Math.abs((start + end) / 2 - middle) < 4, room = card.x + card.width - WITHIN - (isCentred ? card.x + WITHIN : start);
    const share = Math.min(1, room / total);
    let x = isCentred ? middle - total * share / 2 : start;
    row.forEach((text, place) => {
      text.setAttribute('x', x);
      if (share < 1) Object.entries({ textLength: widths[place] * share, lengthAdjust: 'spacingAndGlyphs' }).forEach(pair => text.setAttribute(...pair));
      x += widths[place] * share;
    });
  }
}
document.addEventListener('tinygraph:picture', () => { noteTexts(); if (changed) { writeValues(); writeArrays(); fitTexts(); } });
noteTexts();
