// The cards of a page that computes: the words and bars of an array, the labels of the chain rule, and texts that fit.
const BAR_COUNT = 9, BAR_WIDTH = 6, LOWEST_BAR = 2, HIGHEST_BAR = 14;

// An array in the words of its card.
function words(numbers) {
  const finite = numbers.filter(Number.isFinite), low = Math.min(...finite), high = Math.max(...finite);
  if (!numbers.length) return 'empty';
  if (numbers.length === 1) return number(numbers[0]);
  if (!finite.length) return 'none finite';
  if (low === high) return `${finite.length === numbers.length ? 'all' : 'the rest'} ${number(low)}`;
  return `${number(low, 2)} … ${number(high, 2)}`;
}
const norm = numbers => Math.hypot(...numbers);

// The heights of the bars of a card, between 0 and 1; none where all numbers are the same.
function heights(numbers) {
  const finite = numbers.filter(Number.isFinite), low = Math.min(...finite), high = Math.max(...finite);
  if (numbers.length < 2 || !(low < high)) return null;
  const counts = new Array(BAR_COUNT).fill(0);
  for (const item of finite) counts[Math.min(BAR_COUNT - 1, Math.floor((item / 2 - low / 2) / (high / 2 - low / 2) * BAR_COUNT))] += 1;
  return counts.map(count => count / Math.max(...counts));
}

// Cards of arrays, and the labels of the chain rule.
function writeArrays() {
  if (!changed) return;
  for (const { node, shape } of liveData.values) {
    const group = groups[`v${node}`], held = contents[`v${node}`];
    if (!group || !shape.length || !held) continue;
    writeCard(group, held.value, text => !text.classList.contains('gradient-part'), words(held.value), 'path[stroke=none]:not(.gradient-part)');
    if (held.gradient) writeCard(group, held.gradient, text => text.classList.contains('gradient-part'), `‖∇‖ ${number(norm(held.gradient), 2)}`, 'path.gradient-part[stroke=none]');
  }
  const waiting = new Map();
  for (const [[operand, node], slope] of slopesNow) waiting.set(`v${operand} v${node}`, [...waiting.get(`v${operand} v${node}`) ?? [], slope]);
  picture.links.forEach(([tail, head, kind], place) => {
    const slope = kind === 'backward' ? waiting.get(`${tail} ${head}`)?.shift() : undefined;
    const text = slope === undefined ? null : [...arrows[`e${place}`]?.querySelectorAll('text') ?? []].find(each => each.textContent.includes('×'));
    if (!text || /^× \d+$/.test(text.textContent.trim())) return;
    const told = text.textContent, equals = told.lastIndexOf('= ');
    if (equals >= 0) text.textContent = told.slice(0, equals + 2) + number(slope);
    else if (/^\s*× [−\d.∞N]/.test(told)) text.textContent = `${told.match(/^\s*/)[0]}× ${number(slope)}`;
    text.removeAttribute('textLength');
  });
}

// The last text of a card's value, or of its gradient, is its words.
function writeCard(group, numbers, belongs, told, selector) {
  const texts = [...group.querySelectorAll('text')].filter(belongs), last = texts.at(-1);
  if (last && (texts.length > 1 || last.classList.contains('gradient-part'))) {
    last.textContent = last.textContent.match(/^\s*/)[0] + told;
    last.removeAttribute('textLength');
  }
  const bars = [...group.querySelectorAll(selector)].find(hasBars), tall = heights(numbers);
  if (!bars) return;
  const { left, bottom } = placeOfBars(bars), top = place => bottom - LOWEST_BAR - tall[place] * (HIGHEST_BAR - LOWEST_BAR);
  const outline = (_, place) => `M${left + place * BAR_WIDTH},${bottom}V${top(place)}h${BAR_WIDTH}V${bottom}Z`;
  bars.setAttribute('d', tall ? tall.map(outline).join('') : '');
}

// The bars of a card are one shape of nine columns.
const barPlaces = new WeakMap();
function placeOfBars(shape) {
  if (!barPlaces.has(shape)) {
    const { x, y, height } = shape.getBBox();
    barPlaces.set(shape, { left: x, bottom: y + height });
  }
  return barPlaces.get(shape);
}
function hasBars(shape) {
  return barPlaces.has(shape) || (Math.abs(shape.getBBox().width - BAR_COUNT * BAR_WIDTH) < 1 && shape.getBBox().height <= HIGHEST_BAR + 1);
}

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
  for (const text of svg.querySelectorAll('[data-box^="v"] > text, [data-box^="g"] > text, [data-link] > text')) asDrawn(text);
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
