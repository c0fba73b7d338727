// Mouse, touch, pen and keyboard, and the start of the page.
const boxAt = event => event.target.closest?.('[data-box]')?.dataset.box;
const layerAt = event => event.target.closest?.('.sign.close')?.parentNode.dataset.layer ?? (event.target.tagName === 'text' ? event.target.closest('.cluster')?.dataset.layer : undefined);

// One finger or the mouse drags, two fingers pinch.
const fingers = new Map();
let moved = false;
$('stage').onpointerdown = event => { if (!fingers.size) moved = false; fingers.set(event.pointerId, { x: event.clientX, y: event.clientY }); };
onpointermove = event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  if (event.pointerType === 'mouse' && !event.buttons) return void fingers.delete(event.pointerId);
  const now = { x: event.clientX, y: event.clientY }, dx = now.x - before.x, dy = now.y - before.y;
  if (!moved && fingers.size === 1 && Math.hypot(dx, dy) < 4) return;
  moved = true;
  fingers.set(event.pointerId, now);
  if (fingers.size === 1) return panBy(dx, dy);
  const other = [...fingers].find(([id]) => id !== event.pointerId)[1], stage = $('stage').getBoundingClientRect();
  const apart = point => Math.hypot(point.x - other.x, point.y - other.y) || 1;
  panBy(dx / 2, dy / 2);
  zoom(apart(now) / apart(before), (now.x + other.x) / 2 - stage.left, (now.y + other.y) / 2 - stage.top);
};
onpointerup = onpointercancel = event => { fingers.delete(event.pointerId); };

$('stage').onclick = event => {
  if (moved) return;
  const id = boxAt(event), layer = layerAt(event), pointer = { x: event.clientX, y: event.clientY };
  if (layer) return toggleLayer(layer, pointer);
  if (id && !event.shiftKey && keyToOpen(id) !== undefined) return toggleLayer(id, pointer);
  choose(id ?? '');
};
// A wheel scrolls; with Ctrl, which is what a pinch on a trackpad sends too, it zooms.
$('stage').addEventListener('wheel', event => {
  event.preventDefault();
  const at = $('stage').getBoundingClientRect(), unit = event.deltaMode ? 20 : 1;
  if (event.ctrlKey || event.metaKey) return zoom(Math.exp(-event.deltaY * unit / 300), event.clientX - at.left, event.clientY - at.top);
  const [dx, dy] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
  panBy(-dx * unit, -dy * unit);
}, { passive: false });
$('stage').onpointerover = event => { const id = boxAt(event); if (id && !state.box && !timer) about(id); };
$('stage').addEventListener('focusin', event => { const id = boxAt(event); if (id && event.target.matches(':focus-visible')) { about(id); if (bringIntoSight(groups[id])) keepSight(); } });
$('map').onpointerdown = event => { $('map').setPointerCapture(event.pointerId); goToPointOfMap(event); };
$('map').onpointermove = event => { if (event.buttons) goToPointOfMap(event); };
$('search').oninput = event => find(event.target.value.trim());
$('step').oninput = event => stepTo(Number(event.target.value));

function theme(wanted) {
  state.theme = wanted;
  document.documentElement.dataset.theme = wanted || themeAround() || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}
// A frame in a notebook has the theme of the notebook, whatever that of the system.
function themeAround() {
  try {
    if (frameElement?.closest("[data-jp-theme-light='true'], .vscode-light, [data-theme='light']")) return 'light';
    if (frameElement?.closest("[data-jp-theme-light='false'], .vscode-dark, .vscode-high-contrast, [data-theme='dark']")) return 'dark';
  } catch { /* the page around the frame is another site's */ }
  return '';
}
function leave() {
  if (state.find) { $('search').value = ''; return find(''); }
  if (state.box) return choose('');
  if (picture.parent !== undefined) enter(picture.parent);
}
const actions = {
  smaller: () => zoom(1 / 1.25), larger: () => zoom(1.25), fit: fitAll, width: () => { openingView(); writeAddress(); }, play, leave,
  back: () => stepTo(stepAt() - 1), forward: () => stepTo(stepAt() + 1), start: () => stepTo(0), end: () => { state.step = null; stop(); show(); },
  all: () => enter(keyOfAll('all')), closed: () => enter(keyOfAll('closed')), search: () => $('search').focus(),
  theme: () => { theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'); show(); },
  left: () => panBy(60, 0), right: () => panBy(-60, 0), up: () => panBy(0, 60), down: () => panBy(0, -60),
};
for (const [name, action] of Object.entries(actions)) if ($(name)?.tagName === 'BUTTON') $(name).onclick = action;
const keys = { '-': 'smaller', '+': 'larger', '=': 'larger', 0: 'fit', 1: 'width', ' ': 'play', ArrowLeft: 'back', ArrowRight: 'forward', ArrowUp: 'up', ArrowDown: 'down', Home: 'start', End: 'end', t: 'theme', '/': 'search', Escape: 'leave' };
const shifted = { ArrowLeft: 'left', ArrowRight: 'right' };
onkeydown = event => {
  const id = boxAt(event), typing = event.target.matches?.('input:not([type=range]), textarea'), enters = event.key === 'Enter';
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $('search') && enters) { event.preventDefault(); return nextHit(event.shiftKey ? -1 : 1); }
  if (typing && !(event.target === $('search') && event.key === 'Escape')) return;
  if (enters && layerAt(event)) return toggleLayer(layerAt(event));
  if (enters && id) return !event.shiftKey && keyToOpen(id) !== undefined ? toggleLayer(id) : choose(id);
  if ((event.target.tagName === 'BUTTON' && event.key === ' ') || (event.target.type === 'range' && /^(Arrow|Home|End)/.test(event.key))) return;
  const name = (event.shiftKey && shifted[event.key]) || keys[event.key];
  if (name) { event.preventDefault(); actions[name](); }
};

function restore() {
  readAddress();
  theme(state.theme);
  $('search').value = state.find;
  lay(state.in);
  if (state.at) restoreSight(); else openingView();
  show();
  const at = groups[currentBox()];
  if (at && !state.at) bringIntoSight(at);
  countHits();
}
onpopstate = () => { stop(); hit = -1; restore(); };
new ResizeObserver(() => { if (untouched) openingView(); else showMap(); }).observe($('stage'));
window.tinygraph = { pictures, facts, show: key => enter(key), setValues, number };
restore();
