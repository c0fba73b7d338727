// The steps: what is computed so far is drawn, the current box wears a ring, and the panel says the step in words.
let timer = 0;

const stepAt = () => (state.step === null ? picture.steps.length : Math.min(Math.max(state.step, 0), picture.steps.length));
const currentBox = () => (stepAt() && state.step !== null ? picture.steps[stepAt() - 1]?.at : undefined);

// The step of another picture about the same box, or about the layer around it: the first one that comes to it.
function stepAbout(id) {
  const place = picture.steps.findIndex(step => step.at === id || step.show?.includes(id));
  if (place >= 0) return place + 1;
  const around = facts.search.find(entry => entry[1] === id)?.[3] ?? [];
  return picture.steps.findIndex(step => around.includes(step.at)) + 1 || null;
}

function show(isNewStep = false) {
  const steps = picture.steps, at = stepAt(), seen = new Set(), lit = new Set();
  steps.slice(0, at).forEach(step => { (step.show || []).forEach(id => seen.add(id)); if (step.gradient) lit.add(step.gradient); });
  const kin = state.box in groups ? new Set([...reached(state.box, near.up), ...reached(state.box, near.down)]) : null;
  const found = foundHere();
  const wanted = id => (!kin || kin.has(id)) && (!found || found.has(id));
  for (const [id, group] of Object.entries(groups)) {
    const there = seen.has(id) || !steps.some(step => step.show?.includes(id));
    group.classList.toggle('later', !there);
    group.classList.toggle('unlit', Boolean(boxOf(id).gradient && !lit.has(id)));
    group.classList.toggle('faint', there && !wanted(id));
    group.classList.toggle('chosen', id === state.box);
  }
  picture.links.forEach(([tail, head, kind], place) => {
    const arrow = arrows[`e${place}`], there = kind === 'backward' ? lit.has(tail) : seen.has(tail) && seen.has(head);
    if (!arrow) return;
    arrow.classList.toggle('later', !there);
    arrow.classList.toggle('faint', there && !(wanted(tail) && wanted(head)));
  });
  $('step').value = at;
  const step = state.step === null ? undefined : steps[at - 1];
  $('said').textContent = step ? `${at}/${steps.length}  ${sentence(step)}` : at ? `all ${at} steps` : 'start';
  $('step').setAttribute('aria-valuetext', $('said').textContent);
  ring(step?.at);
  about(state.box || step?.at, step);
  writeAddress(isNewStep);
}

// A step in the user's names and numbers, where it has such a sentence; else its name.
function sentence(step) {
  const box = boxOf(step.at), backward = Boolean(step.gradient || /^backward/.test(step.text) && box.backward);
  const part = step.text.includes(': ') ? step.text.slice(0, step.text.indexOf(': ') + 2) : '';
  const told = changed ? live(step.at, backward) : backward ? box.backward : box.forward;
  return told ? part + told : step.text;
}

function ring(id) {
  svg.querySelector('.ring')?.remove();
  const group = groups[id];
  if (!group) return;
  const box = group.getBBox(), made = document.createElementNS('http://www.w3.org/2000/svg', 'rect'), gap = 5;
  const shape = { x: box.x - gap, y: box.y - gap, width: box.width + 2 * gap, height: box.height + 2 * gap, rx: 14 };
  for (const [key, value] of Object.entries(shape)) made.setAttribute(key, value);
  made.setAttribute('class', 'ring');
  group.parentNode.append(made);
}

function stepTo(step) {
  state.step = Math.min(Math.max(step, 0), picture.steps.length);
  state.box = '';
  show();
  const at = groups[currentBox()];
  if (at && bringIntoSight(at)) keepSight();
  if (!$('live').contains(document.activeElement)) $('about').firstElementChild.scrollIntoView({ block: 'nearest' });
}
function play() {
  if (timer) return stop();
  if (stepAt() >= picture.steps.length) stepTo(0);
  $('play').textContent = '❚❚';
  $('play').setAttribute('aria-label', 'pause');
  timer = setInterval(() => { stepTo(stepAt() + 1); if (stepAt() >= picture.steps.length) stop(); }, motionless ? 2000 : 1100);
}
function stop() {
  clearInterval(timer);
  timer = 0;
  $('play').textContent = '▶';
  $('play').setAttribute('aria-label', 'play');
}
function choose(id) {
  const chosen = state.box === id ? '' : id;
  if (chosen === state.box) return;
  state.box = chosen;
  show(true);
}
