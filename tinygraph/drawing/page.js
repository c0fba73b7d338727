'use strict';
const $ = id => document.getElementById(id);
const pictures = JSON.parse($('data').textContent);
const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
const state = { in: '', step: null, box: '', find: '', theme: '' };
let picture, svg, groups, arrows, near, timer = 0, view = { x: 0, y: 0, scale: 1 };

// State lives in the address, so that a link or a screenshot can name it: #in=s1&step=4&box=v7
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of ['in', 'box', 'find', 'theme']) state[key] = given.get(key) || '';
  if (!(state.in in pictures)) state.in = '';
  state.step = given.has('step') ? Number(given.get('step')) || 0 : null;
}
function writeAddress() {
  const kept = Object.entries(state).filter(([, value]) => value !== '' && value !== null);
  history.replaceState(null, '', '#' + new URLSearchParams(kept));
}

function open(key) {
  picture = pictures[key];
  state.in = key;
  $('stage').innerHTML = picture.svg;
  svg = $('stage').firstElementChild;
  groups = Object.fromEntries([...svg.querySelectorAll('[data-box]')].map(g => [g.dataset.box, g]));
  arrows = Object.fromEntries([...svg.querySelectorAll('[data-link]')].map(g => [Number(g.dataset.link.slice(1)), g]));
  near = { up: {}, down: {} };
  picture.links.forEach(([tail, head, kind]) => {
    if (kind === 'backward' || kind === 'again') return;
    const [from, to] = kind === 'backflow' ? [head, tail] : [tail, head];
    (near.up[to] ??= []).push(from);
    (near.down[from] ??= []).push(to);
  });
  for (const [chip, { card }] of Object.entries(picture.boxes)) if (card) {
    (near.up[chip] ??= []).push(card);
    (near.down[card] ??= []).push(chip);
  }
  for (const [id, group] of Object.entries(groups)) {
    group.setAttribute('tabindex', '0');
    group.setAttribute('role', 'button');
    group.setAttribute('aria-label', picture.boxes[id].title);
    for (const shape of group.querySelectorAll("[fill='#c2410c'], [fill='#fff1e6'], [fill='#fed7bf']"))
      shape.classList.add('gradient-part');
  }
  $('step').max = picture.steps.length;
  showTrail();
  fit();
}

function showTrail() {
  const keys = [];
  for (let key = state.in; key !== ''; key = pictures[key].parent) keys.unshift(key);
  $('trail').replaceChildren();
  ['', ...keys].forEach((key, place, all) => {
    if (all.length === 1) return;
    const last = place === all.length - 1, item = document.createElement(last ? 'b' : 'a');
    item.textContent = pictures[key].title;
    if (!last) { item.href = '#'; item.onclick = event => { event.preventDefault(); enter(key); }; }
    $('trail').append(...(place ? [' › '] : []), item);
  });
}
function enter(key) {
  Object.assign(state, { in: key, step: null, box: '', find: '' });
  $('search').value = '';
  open(key);
  show();
}

function reached(start, next, found = new Set([start])) {
  for (const queue = [start]; queue.length;)
    for (const id of next[queue.pop()] || []) if (!found.has(id)) { found.add(id); queue.push(id); }
  return found;
}

function show() {
  const steps = picture.steps, at = state.step === null ? steps.length : Math.min(Math.max(state.step, 0), steps.length);
  const seen = new Set(), lit = new Set();
  steps.slice(0, at).forEach(step => { (step.show || []).forEach(id => seen.add(id)); if (step.gradient) lit.add(step.gradient); });
  const kin = state.box in groups ? new Set([...reached(state.box, near.up), ...reached(state.box, near.down)]) : null;
  const wanted = id => (!kin || kin.has(id)) && (!state.find || picture.boxes[id].search.includes(state.find.toLowerCase()));
  for (const [id, group] of Object.entries(groups)) {
    group.classList.toggle('later', !seen.has(id));
    group.classList.toggle('unlit', picture.boxes[id].gradient && !lit.has(id));
    group.classList.toggle('faint', seen.has(id) && !wanted(id));
    group.classList.toggle('chosen', id === state.box || id === picture.boxes[state.box]?.card);
  }
  picture.links.forEach(([tail, head, kind], place) => {
    const arrow = arrows[place], there = kind === 'backward' ? lit.has(tail) : seen.has(tail) && seen.has(head);
    if (!arrow) return;
    arrow.classList.toggle('later', !there);
    arrow.classList.toggle('faint', there && !(wanted(tail) && wanted(head)));
  });
  $('step').value = at;
  $('said').textContent = at === steps.length ? `all ${at} steps` : at ? `${at}/${steps.length}  ${steps[at - 1].text}` : 'start';
  about(state.box);
  writeAddress();
}

function about(id) {
  const box = picture.boxes[id], panel = $('panel');
  for (const [other, group] of Object.entries(groups)) group.classList.toggle('card-of', Boolean(box) && other === box.card);
  panel.replaceChildren();
  const add = (tag, text, into = panel, kind = '') => { const made = document.createElement(tag); made.textContent = text; made.className = kind; into.append(made); return made; };
  if (!box) return add('p', 'Rest on a box to read about it; click to light what it depends on and what depends on it. Arrow keys step, space plays, / searches, Tab walks from box to box.');
  add('h2', box.title);
  const list = add('dl', '');
  for (const [word, fact] of box.facts) {
    const row = add('div', '', list), kind = /gradient|∇/.test(word) ? 'gradient' : '';
    add('dt', word, row);
    add('dd', fact, row, kind);
  }
  if (box.source) add('pre', box.source);
  const inside = state.in ? `${state.in}/${id}` : id;
  if (inside in pictures) add('button', 'look inside (Enter)').onclick = () => enter(inside);
}

function choose(id) {
  state.box = state.box === id ? '' : id;
  show();
}
function stepTo(step) {
  state.step = Math.min(Math.max(step, 0), picture.steps.length);
  show();
}
function play() {
  if (timer) return stop();
  if (Number($('step').value) >= picture.steps.length) stepTo(0);
  $('play').textContent = '❚❚';
  timer = setInterval(() => { stepTo(Number($('step').value) + 1); if (state.step >= picture.steps.length) stop(); }, still ? 1200 : 600);
}
function stop() {
  clearInterval(timer);
  timer = 0;
  $('play').textContent = '▶';
}

function place() { svg.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`; }
function fit() {
  const stage = $('stage'), wide = svg.width.baseVal.value, high = svg.height.baseVal.value;
  const scale = Math.min((stage.clientWidth - 24) / wide, (stage.clientHeight - 24) / high, 1.6);
  view = { scale, x: (stage.clientWidth - wide * scale) / 2, y: (stage.clientHeight - high * scale) / 2 };
  place();
}
function zoom(factor, x = $('stage').clientWidth / 2, y = $('stage').clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, 0.05), 12), change = scale / view.scale;
  view = { scale, x: x - (x - view.x) * change, y: y - (y - view.y) * change };
  place();
}
function theme(wanted) {
  state.theme = wanted;
  document.documentElement.dataset.theme = wanted || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}

const boxAt = event => event.target.closest('[data-box]')?.dataset.box;
let grip = null;
$('stage').onpointerdown = event => { grip = { x: event.clientX, y: event.clientY, far: false }; };
onpointerup = () => setTimeout(() => { grip = null; });
onpointermove = event => {
  if (!grip || !event.buttons) return;
  const dx = event.clientX - grip.x, dy = event.clientY - grip.y;
  if (!grip.far && Math.hypot(dx, dy) < 4) return;
  view.x += dx; view.y += dy;
  grip = { x: event.clientX, y: event.clientY, far: true };
  place();
};
$('stage').onclick = event => { if (grip?.far) return; const id = boxAt(event); id ? choose(id) : choose(state.box); };
$('stage').ondblclick = event => { const key = [state.in, boxAt(event)].filter(Boolean).join('/'); if (key !== state.in && key in pictures) enter(key); };
$('stage').onwheel = event => { event.preventDefault(); const at = $('stage').getBoundingClientRect(); zoom(Math.exp(-event.deltaY / 500), event.clientX - at.left, event.clientY - at.top); };
$('stage').onpointerover = event => { const id = boxAt(event); if (!state.box) about(id); };
$('stage').addEventListener('focusin', event => { const id = boxAt(event); if (id) about(id); });
$('search').oninput = event => { state.find = event.target.value.trim(); show(); };
$('step').oninput = event => stepTo(Number(event.target.value));
const actions = {
  smaller: () => zoom(1 / 1.25), larger: () => zoom(1.25), fit, play,
  back: () => stepTo(Number($('step').value) - 1), forward: () => stepTo(Number($('step').value) + 1), start: () => stepTo(0), end: () => stepTo(Infinity),
  theme: () => { theme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'); writeAddress(); },
  search: () => $('search').focus(), leave: () => state.box || state.find ? (state.box = state.find = $('search').value = '', show()) : state.in && enter(picture.parent),
};
for (const [name, action] of Object.entries(actions)) if ($(name)?.tagName === 'BUTTON') $(name).onclick = action;
const keys = { '-': 'smaller', '+': 'larger', '=': 'larger', 0: 'fit', ' ': 'play', ArrowLeft: 'back', ArrowRight: 'forward', Home: 'start', End: 'end', t: 'theme', '/': 'search', Escape: 'leave' };
onkeydown = event => {
  const id = boxAt(event), typing = event.target === $('search');
  if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== 'Escape')) return;
  if (event.key === 'Enter' && id) { const key = [state.in, id].filter(Boolean).join('/'); return key in pictures ? enter(key) : choose(id); }
  if (event.target.tagName === 'BUTTON' && event.key === ' ') return;
  if (keys[event.key] && !(event.target === $('step') && event.key.startsWith('Arrow'))) { event.preventDefault(); actions[keys[event.key]](); }
};
function restore() {
  readAddress();
  theme(state.theme);
  $('search').value = state.find;
  open(state.in);
  show();
}
onhashchange = restore;
onresize = fit;
restore();
