// Layers open and close in place. Each state of the layers is a picture of its own; the page looks for the nearest.
const whole = Object.keys(pictures).filter(key => !pictures[key].boxes);
const always = whole.length ? pictures[whole[0]].open.filter(id => whole.every(key => pictures[key].open.includes(id))) : [];
const chosenOpen = key => pictures[key].open.filter(id => !always.includes(id));

function carried(layers) {
  const wanted = [...new Set(layers)].filter(id => !always.includes(id));
  return whole.find(key => { const open = chosenOpen(key); return open.length === wanted.length && wanted.every(id => open.includes(id)); });
}
function keyToOpen(id) {
  if (picture.boxes) return `${state.in}/${id}` in pictures ? `${state.in}/${id}` : undefined;
  const around = facts.layers[id]?.around;
  if (!around) return undefined;
  const alone = `inside ${id}`;
  return carried([...picture.open, id]) ?? carried([...around, id]) ?? (alone in pictures ? alone : undefined);
}
function keyToClose(id) {
  if (picture.boxes || always.includes(id) || !facts.layers[id]) return undefined;
  const isWithin = other => other === id || facts.layers[other]?.around.includes(id);
  return carried(picture.open.filter(other => !isWithin(other))) ?? carried(facts.layers[id].around) ?? keyOfAll('closed');
}
function keyOfAll(kind) {
  const sizes = whole.map(key => chosenOpen(key).length);
  const size = kind === 'all' ? Math.max(...sizes) : 0;
  if (whole.length < 2 || (kind === 'all' && !('all' in pictures) && chosenOpen('').length < size)) return undefined;
  return whole.find((key, place) => sizes[place] === size);
}

// Opens or closes a layer: what was under the pointer stays there.
function toggleLayer(id, pointer) {
  const opens = id in groups, key = opens ? keyToOpen(id) : keyToClose(id);
  if (key === undefined) return;
  const before = (groups[id] ?? clusters['c' + id.slice(1)]).getBoundingClientRect();
  const from = pointer ?? { x: before.left + before.width / 2, y: before.top + Math.min(before.height / 2, 40) };
  const share = [(from.x - before.left) / before.width, (from.y - before.top) / before.height];
  const scale = view.scale;
  enter(key, () => {
    measure();
    const now = groups[id] ?? clusters['c' + id.slice(1)];
    if (!now) return openingView();
    moveTo({ x: 0, y: 0, scale });
    const after = now.getBoundingClientRect();
    moveTo({ x: from.x - after.left - share[0] * after.width, y: from.y - after.top - share[1] * after.height, scale });
    keepSight();
  });
  (groups[id] ?? clusters['c' + id.slice(1)]?.querySelector('.sign'))?.focus({ preventScroll: true });
  if (boxOf(id)) about(id);
}

function enter(key, placed = openingView) {
  stop();
  const at = currentBox();
  Object.assign(state, { in: key, box: state.box in (pictures[key].boxes ?? {}) ? state.box : '', at: '' });
  lay(key);
  placed();
  if (state.step !== null) state.step = stepAbout(at);
  show(true);
}
