// The picture on the stage: its boxes and arrows by name, what leads to each box, and the layers that are open.
let picture, svg, groups, arrows, clusters, near;

const boxOf = id => picture.boxes?.[id] ?? facts.boxes[id];
const byData = name => Object.fromEntries([...svg.querySelectorAll(`[data-${name}]`)].map(g => [g.dataset[name], g]));

function lay(key) {
  picture = pictures[key];
  state.in = key;
  $('stage').innerHTML = picture.svg;
  svg = $('stage').firstElementChild;
  svg.setAttribute('role', 'group');
  for (const text of svg.querySelectorAll('[textLength]')) text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  [groups, arrows, clusters] = ['box', 'link', 'scope'].map(byData);
  near = { up: {}, down: {} };
  for (const [tail, head, kind] of picture.links) {
    if (kind === 'backward' || kind === 'again') continue;
    const [from, to] = kind === 'backflow' ? [head, tail] : [tail, head];
    (near.up[to] ??= []).push(from);
    (near.down[from] ??= []).push(to);
  }
  for (const [chip, card] of Object.entries(picture.cards)) {
    (near.up[chip] ??= []).push(card);
    (near.down[card] ??= []).push(chip);
  }
  Object.entries(groups).forEach(([id, group]) => dress(id, group));
  if (!picture.boxes) for (const [name, group] of Object.entries(clusters)) dressLayer('s' + name.slice(1), group);
  $('step').max = picture.steps.length;
  showTrail();
  drawMap();
  document.dispatchEvent(new CustomEvent('tinygraph:picture', { detail: key }));
}

function dress(id, group) {
  const box = boxOf(id), opens = keyToOpen(id) !== undefined;
  group.setAttribute('tabindex', '0');
  group.setAttribute('role', 'button');
  group.setAttribute('aria-label', [box.title, box.forward, box.backward].filter(Boolean).join('; '));
  group.classList.toggle('opens', opens);
  if (opens) { group.setAttribute('aria-expanded', 'false'); addSign(group, '+', 'open'); }
  for (const shape of group.querySelectorAll("[fill='#c2410c'], [fill='#fff1e6'], [fill='#fed7bf']"))
    shape.classList.add('gradient-part');
}

function dressLayer(id, group) {
  if (keyToClose(id) === undefined) return;
  group.dataset.layer = id;
  const sign = addSign(group, '−', 'close');
  sign.setAttribute('tabindex', '0');
  sign.setAttribute('role', 'button');
  sign.setAttribute('aria-expanded', 'true');
  sign.setAttribute('aria-label', `close ${facts.layers[id]?.title ?? ''}`);
}

// A round sign in the upper right corner: + on a layer that opens, − on one that closes.
function addSign(group, text, kind) {
  const space = 'http://www.w3.org/2000/svg', sign = document.createElementNS(space, 'g'), frame = group.getBBox();
  const circle = document.createElementNS(space, 'circle'), words = document.createElementNS(space, 'text');
  const [x, y] = [frame.x + frame.width - (kind === 'close' ? 11 : 1), frame.y + (kind === 'close' ? 11 : 1)];
  Object.entries({ cx: x, cy: y, r: 7 }).forEach(pair => circle.setAttribute(...pair));
  Object.entries({ x, y: y + 4, 'text-anchor': 'middle', 'font-size': 12 }).forEach(pair => words.setAttribute(...pair));
  words.textContent = text;
  sign.setAttribute('class', `sign ${kind}`);
  sign.append(circle, words);
  group.append(sign);
  return sign;
}

function showTrail() {
  const keys = [];
  for (let key = state.in; key !== undefined; key = pictures[key].parent) keys.unshift(key);
  $('trail').replaceChildren();
  keys.forEach((key, place) => {
    if (keys.length === 1) return;
    const last = place === keys.length - 1, item = document.createElement(last ? 'b' : 'a');
    item.textContent = pictures[key].title;
    if (last) item.setAttribute('aria-current', 'page');
    else { item.href = '#'; item.onclick = event => { event.preventDefault(); enter(key); }; }
    $('trail').append(...(place ? [' › '] : []), item);
  });
  for (const key of ['all', 'closed']) $(key).hidden = keyOfAll(key) === undefined || keyOfAll(key) === state.in;
}

function reached(start, next, found = new Set([start])) {
  for (const queue = [start]; queue.length;)
    for (const id of next[queue.pop()] || []) if (!found.has(id)) { found.add(id); queue.push(id); }
  return found;
}
