// The search finds what is on screen and what is inside closed layers. Enter goes to the next, Shift+Enter to the one before.
let hit = -1;

const hits = () => (state.find ? facts.search.filter(([words]) => words.includes(state.find.toLowerCase())) : []);
const shownAs = ([, id, , around]) => [id, ...[...around].reverse()].find(name => name in groups);

// What the search lights in the picture: boxes, and the closed layers around others; null without a search.
function foundHere() {
  return state.find ? new Set(picture.boxes ? Object.keys(groups).filter(id => boxOf(id).title.toLowerCase().includes(state.find.toLowerCase())) : hits().map(shownAs)) : null;
}

function countHits() {
  const all = hits(), place = hit >= 0 && all.length ? (hit % all.length) + 1 : 0;
  $('count').textContent = state.find ? (all.length ? `${place ? place + ' of ' : ''}${all.length}` : 'none') : '';
}

function find(text) {
  state.find = text;
  hit = -1;
  show();
  countHits();
}

function nextHit(by) {
  const all = hits();
  if (!all.length) return countHits();
  hit = hit < 0 ? (by > 0 ? 0 : all.length - 1) : (hit + by + all.length) % all.length;
  const entry = all[hit];
  if (!isHere(entry[1])) {
    const key = keyWith(entry);
    if (key !== undefined && key !== state.in) enter(key, openingView);
  }
  const id = isHere(entry[1]) ? entry[1] : shownAs(entry), group = groups[id] ?? clusters[clusterOf(entry[1])];
  if (group) { bringIntoSight(group); keepSight(); }
  ring(id);
  about(id);
  $('about').prepend(add('p', entry[1] === id || !id ? '' : `${entry[2]} is inside`, $('about'), 'told'));
  countHits();
}

const clusterOf = id => 'c' + id.slice(1);
// In a layer that is shown alone the cards of layers have other names.
const isHere = id => (picture.boxes && id[0] === 's' ? false : id in groups || (id in facts.layers && clusterOf(id) in clusters));

// The picture that shows a box, or else the innermost layer around it: with as few layers opened or closed as can be.
function keyWith([, id, , around]) {
  const names = [...around, id], now = picture.boxes ? [] : chosenOpen(state.in);
  const depth = key => names.reduce((deepest, name, place) => (shownIn(key).has(name) ? place : deepest), -1);
  const distance = key => { const open = chosenOpen(key); return open.filter(x => !now.includes(x)).length + now.filter(x => !open.includes(x)).length; };
  const deepest = Math.max(...whole.map(depth));
  const alone = Object.keys(pictures).find(key => pictures[key].boxes && id[0] !== 's' && shownIn(key).has(id));
  if (deepest < names.length - 1 && alone !== undefined) return alone;
  return whole.filter(key => depth(key) === deepest).sort((a, b) => distance(a) - distance(b))[0];
}

const shownBoxes = {};
function shownIn(key) {
  const { steps, open } = pictures[key];
  return (shownBoxes[key] ??= new Set([...steps.flatMap(step => [step.at, ...(step.show ?? [])]), ...open]));
}
