// The part of the picture in sight: zoom and pan. A text is never smaller than 10 pixels unless the reader wants it.
const READABLE = 10, MARGIN = 12;
let view = { x: 0, y: 0, scale: 1 }, untouched = true, sizes = {};

function measure() {
  const wide = svg.width.baseVal.value, high = svg.height.baseVal.value, unit = wide / svg.viewBox.baseVal.width;
  const letters = [...svg.querySelectorAll('text')].filter(text => !text.closest('.sign')).map(text => Number(text.getAttribute('font-size')));
  sizes = { wide, high, unit, smallest: unit * Math.min(14, ...letters.filter(Boolean)) };
}

// All of it where that is readable, else its width; the rest is reached by scrolling.
function openingView() {
  measure();
  const stage = $('stage'), room = { wide: stage.clientWidth - 2 * MARGIN, high: stage.clientHeight - 2 * MARGIN };
  const least = READABLE / sizes.smallest, across = room.wide / sizes.wide, down = room.high / sizes.high;
  const all = Math.min(across, down, 1.6);
  const scale = all >= least ? all : Math.max(least, Math.min(across, 1));
  const x = Math.max((stage.clientWidth - sizes.wide * scale) / 2, MARGIN), y = Math.max((stage.clientHeight - sizes.high * scale) / 2, MARGIN);
  moveTo({ x, y, scale });
  const first = groups[picture.steps[0]?.at];
  if (sizes.wide * scale > room.wide) {
    moveToBoxes(room.wide);
    if (first) bringIntoSight(first);
  }
  untouched = true;
  state.at = '';
}

// The legend may be wider than the graph: the boxes stand in the middle, or begin at the left where they are wider.
function moveToBoxes(room) {
  const sides = Object.values(groups).map(group => group.getBoundingClientRect()), stage = $('stage').getBoundingClientRect();
  const left = Math.min(...sides.map(side => side.left)), wide = Math.max(...sides.map(side => side.right)) - left;
  if (sides.length) moveTo({ ...view, x: view.x + stage.left + MARGIN - left + Math.max((room - wide) / 2, 0) });
}

function fitAll() {
  measure();
  const stage = $('stage'), scale = Math.min((stage.clientWidth - 2 * MARGIN) / sizes.wide, (stage.clientHeight - 2 * MARGIN) / sizes.high, 1.6);
  moveTo({ scale, x: (stage.clientWidth - sizes.wide * scale) / 2, y: (stage.clientHeight - sizes.high * scale) / 2 });
  keepSight();
}

function moveTo(wanted) {
  view = wanted;
  svg.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  untouched = false;
  showMap();
}

// Some of the picture always stays in sight.
function panBy(dx, dy) {
  const stage = $('stage'), edge = 60;
  const within = (at, size, room) => Math.min(Math.max(at, edge - size * view.scale), room - edge);
  moveTo({ ...view, x: within(view.x + dx, sizes.wide, stage.clientWidth), y: within(view.y + dy, sizes.high, stage.clientHeight) });
  keepSight();
}

function zoom(factor, x = $('stage').clientWidth / 2, y = $('stage').clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 0.05), 12), change = scale / view.scale;
  moveTo({ scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change });
  keepSight();
}

// The point of the picture in the upper left corner, and the scale: they mean the same on another screen.
let keeping = 0;
function keepSight() {
  state.at = [-view.x / view.scale, -view.y / view.scale].map(Math.round).join(',') + ',' + Number(view.scale.toFixed(3));
  clearTimeout(keeping);
  keeping = setTimeout(writeAddress, 150);
}
function restoreSight() {
  const [left, top, scale] = state.at.split(',').map(Number);
  if (!(scale > 0)) return openingView();
  measure();
  moveTo({ x: -left * scale, y: -top * scale, scale });
}

function bringIntoSight(group) {
  const stage = $('stage').getBoundingClientRect(), box = group.getBoundingClientRect(), ring = 10, air = 28;
  const move = (low, high, from, to) => {
    if (low - ring >= from && high + ring <= to) return 0;
    return low - ring < from || high - low > to - from - 2 * air ? from + air - low : to - air - high;
  };
  const dx = move(box.left, box.right, stage.left, stage.right), dy = move(box.top, box.bottom, stage.top, stage.bottom);
  if (dx || dy) moveTo({ ...view, x: view.x + dx, y: view.y + dy });
  return Boolean(dx || dy);
}
