// The panel beside the picture: all about one box.
function add(tag, text, into, kind = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  into.append(made);
  return made;
}

function about(id) {
  const box = boxOf(id), panel = $('about'), card = picture.cards[id] ?? id;
  panel.replaceChildren();
  for (const [other, group] of Object.entries(groups)) group.classList.toggle('same', other !== id && (picture.cards[other] ?? other) === card);
  if (!box) return void add('p', 'Rest on a box to read about it. Click a layer to open it, and another box to light what it depends on and what depends on it. Arrow keys step, space plays, / searches, Tab walks from box to box.', panel);
  add('h2', box.title, panel);
  const forward = changed ? live(id, false) : box.forward, backward = changed ? live(id, true) : box.backward;
  if (forward && forward !== box.title) add('p', forward, panel, 'told');
  if (backward) add('p', backward, panel, 'told gradient');
  addButtons(id, panel);
  const drawn = box.value ?? (id[0] === 'o' ? boxOf(`v${id.slice(1)}`)?.value : undefined);
  const array = changed ? numbersNow(id, 'value') : drawn, slope = changed ? numbersNow(id, 'gradient') : box.slope;
  if (array) showArray(array, 'value', panel);
  if (slope) showArray(slope, 'gradient', panel, 'gradient');
  const list = add('dl', '', panel);
  for (const [word, fact] of box.facts) {
    if (changed && (OF_VALUES.test(word) || fact.includes('∇'))) continue;  // of the values that were drawn
    const row = add('div', '', list), kind = /gradient|∇/.test(word) ? 'gradient' : '';
    add('dt', word, row);
    add('dd', fact, row, kind);
  }
  if (box.source) add('pre', box.source, panel);
}

// The facts that are of other values after a change, and the numbers of a small array that a page computes itself.
const OF_VALUES = /^(value|zeros|not finite|gradient|.gradient.|zeros in the gradient|not finite in the gradient)$/;
function numbersNow(id, key) {
  const held = typeof contents === 'undefined' ? undefined : contents[id]?.[key];
  const shape = held && liveData.values.find(({ node }) => id.slice(1) === String(node))?.shape;
  if (!shape?.length || held.length > 16 || !held.length) return undefined;
  const columns = shape.at(-1);
  return { numbers: Array.from({ length: held.length / columns }, (_, row) => held.slice(row * columns, (row + 1) * columns).map(item => number(item))) };
}

function addButtons(id, panel) {
  const row = add('div', '', panel, 'buttons'), button = (text, action) => { add('button', text, row).onclick = action; };
  const key = id in groups ? keyToOpen(id) : undefined;
  if (key !== undefined) button(pictures[key].boxes ? 'look inside (Enter)' : 'open (Enter)', () => toggleLayer(id));
  if (`c${id.slice(1)}` in clusters && id[0] === 's' && keyToClose(id) !== undefined) button('close', () => toggleLayer(id));
  if (id in groups) button(state.box === id ? 'light all' : 'light its paths', () => choose(id));
  const card = picture.cards[id], chips = Object.keys(picture.cards).filter(chip => picture.cards[chip] === (card ?? id));
  if (card) button('go to its card', () => goTo(card));
  const others = chips.filter(chip => chip !== id), next = chips[(chips.indexOf(id) + 1) % chips.length];
  if (others.length) button(card ? `next of its ${chips.length} uses` : `its use elsewhere, ${chips.length}`, () => goTo(next));
}

// Moves to a box, and lets it be read and seen.
function goTo(id) {
  bringIntoSight(groups[id]);
  keepSight();
  groups[id].focus({ preventScroll: true });
  ring(id);
  about(id);
}
