// The cards of a page that computes: the words and bars of an array, the rows of a closed layer, the labels of the
// chain rule.
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
  const seen = asItWasDrawn() ? '' : 'hidden';  // pictures of other values than those of now
  for (const image of svg.querySelectorAll('[data-box] image')) image.style.visibility = seen;
  for (const { node, shape } of liveData.values) {
    const group = groups[`v${node}`], held = contents[`v${node}`], apart = groups[`g${node}`];
    if (apart && shape.length && held?.gradient) writeCard(apart, held.gradient, () => true, `‖∇‖ ${number(norm(held.gradient), 2)}`, 'path[stroke=none]');
    if (!group || !shape.length || !held) continue;
    writeCard(group, held.value, text => !text.classList.contains('gradient-part'), words(held.value), 'path[stroke=none]:not(.gradient-part)');
    if (held.gradient) writeCard(group, held.gradient, text => text.classList.contains('gradient-part'), `‖∇‖ ${number(norm(held.gradient), 2)}`, 'path.gradient-part[stroke=none]');
  }
  for (const [id, group] of Object.entries(groups)) if (boxOf(id).parameters) writeLayer(id, group);
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
  if (bars) drawBars(bars, tall);
}

function drawBars(bars, tall) {
  const { left, bottom } = placeOfBars(bars), top = place => bottom - LOWEST_BAR - tall[place] * (HIGHEST_BAR - LOWEST_BAR);
  const outline = (_, place) => `M${left + place * BAR_WIDTH},${bottom}V${top(place)}h${BAR_WIDTH}V${bottom}Z`;
  bars.setAttribute('d', tall ? tall.map(outline).join('') : '');
}

// A closed layer has a row for each parameter: a track, its norm beside the largest one, and bars. Rows of which the
// page does not know the parameter are hidden.
const TRACK = 54, DECADES = 4, tracks = new WeakMap();
function writeLayer(id, group) {
  const rows = [...group.querySelectorAll('text.gradient-part')].filter(text => text.textContent.includes('∇'));
  const held = (boxOf(id).parameters ?? []).map(node => contents[`v${node}`]?.gradient), known = held.every(Boolean) && rows.length <= held.length;
  if (!known) return group.querySelectorAll('.gradient-part').forEach(part => { part.style.visibility = asItWasDrawn() ? '' : 'hidden'; });
  const largest = Math.max(...inputs.filter(input => input.trains).map(({ node }) => norm(contents[`v${node}`]?.gradient ?? [])));
  rows.forEach((text, place) => {
    const size = norm(held[place]), fill = text.getAttribute('fill'), own = [];
    const { x: start, width } = asDrawn(text);
    text.textContent = text.textContent.match(/^\s*/)[0] + `‖∇‖ ${number(size, 2)}`;
    text.removeAttribute('textLength');
    text.setAttribute('x', start + width - text.getComputedTextLength());  // it ends where it ended
    for (let part = text.previousElementSibling; part?.tagName === 'path' && part.classList.contains('gradient-part') && own.length < 2; part = part.previousElementSibling)
      if (tracks.has(part) || part.getBBox().height < 8) own.push(part);
    if (own.length && !tracks.has(own[0])) {
      const { x, y, height } = own.at(-1).getBBox();
      own.forEach(part => tracks.set(part, { x, y, height }));
    }
    const share = size && largest ? Math.min(1, Math.max(0, 1 + Math.log10(size / largest) / DECADES)) : 0;
    for (const part of own) {
      const { x, y, height } = tracks.get(part), filled = part.getAttribute('fill') === fill;
      const from = filled ? x : x + TRACK * share, to = filled ? x + TRACK * share : x + TRACK;
      part.setAttribute('d', `M${from},${y}H${to}v${height}H${from}Z`);
    }
    const bars = text.nextElementSibling;
    if (bars?.tagName === 'path' && bars.classList.contains('gradient-part') && hasBars(bars)) drawBars(bars, heights(held[place]));
  });
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
