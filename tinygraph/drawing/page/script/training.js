// Training in the page: each step of the compiled program updates its weights, the picture's inputs follow, and the
// cost goes on in a curve.
const training = liveData.training, NS = 'http://www.w3.org/2000/svg';

function buildTraining() {
  const step = programs.step, panel = $('live'), costs = [], kept = copyOf(step.weights);
  const place = document.createElement('div');
  place.className = 'training';
  panel.insertBefore(place, panel.children[1]);
  const row = add('div', '', place, 'buttons'), curve = document.createElementNS(NS, 'svg');
  const one = add('button', 'one step', row), run = add('button', 'run', row), again = add('button', 'start again', row);
  const speed = add('select', '', row);
  speed.setAttribute('aria-label', 'steps in each picture');
  for (const times of [1, 10, 100]) Object.assign(add('option', `× ${times}`, speed), { value: times });
  for (const name of training.numbers) {
    const control = add('div', '', place, 'control'), first = step.weights[name];
    add('b', name.replaceAll('_', ' '), control);
    const get = () => step.weights[name], set = value => { step.weights[name] = value; refreshControls.forEach(refresh => refresh()); };
    if (first > 0) slider(`${name}, slider`, get, set, control, { first, rate: true });
    field(name, get, set, control);
  }
  const told = add('p', '', place, 'told');
  curve.setAttribute('viewBox', '0 0 300 90');
  curve.setAttribute('role', 'img');
  curve.setAttribute('class', 'curve');
  place.append(curve);
  let frame = 0;

  function take(times) {
    toWeights();
    for (let count = 0; count < times; count++) {
      const cost = firstNumber(step(...training.arguments.map(given)));
      if (cost !== undefined) costs.push(cost);
      steps += 1;
    }
    toInputs();
    recompute();
    tell();
  }
  let steps = 0;
  function given({ input, numbers }) { return input === undefined ? numbers.map(Number) : byShape(inputs[input].now, inputs[input].shape); }
  function toWeights() {
    for (const [name, input] of Object.entries(training.weights)) {
      if (inputs[input].shape.length) step.weights[name].set(inputs[input].now);
      else step.weights[name] = inputs[input].now[0];
    }
  }
  function toInputs() {
    for (const [name, input] of Object.entries(training.weights)) inputs[input].now = asList(step.weights[name]);
  }
  function tell() {
    told.textContent = steps ? `${steps} ${steps === 1 ? 'step' : 'steps'}${costs.length ? `, cost ${number(costs.at(-1))}` : ''}` : '';
    drawCurve(curve, costs);
  }
  function pause() { cancelAnimationFrame(frame); frame = 0; run.textContent = 'run'; }
  function onward() { take(Number(speed.value)); frame = requestAnimationFrame(onward); }
  one.onclick = () => { pause(); take(1); };
  run.onclick = () => { if (frame) return pause(); run.textContent = 'pause'; frame = requestAnimationFrame(onward); };
  document.addEventListener('tinygraph:reset', () => {
    pause();
    for (const [name, value] of Object.entries(copyOf(kept))) {
      if (ArrayBuffer.isView(value)) step.weights[name].set(value); else step.weights[name] = value;
    }
    costs.length = steps = 0;
    tell();
  });
  again.onclick = () => [...panel.querySelectorAll('.buttons button')].at(-1).click();
  window.tinygraph.step = take;
  window.tinygraph.costs = costs;
  tell();
}

const copyOf = weights => Object.fromEntries(Object.entries(weights).map(([name, value]) => [name, ArrayBuffer.isView(value) ? value.slice() : value]));

// The cost is the first number of what the step returns.
function firstNumber(result) {
  if (typeof result === 'number') return result;
  if (ArrayBuffer.isView(result)) return result.length === 1 ? result[0] : undefined;
  for (const item of Object.values(result ?? {})) {
    const found = typeof item === 'object' || typeof item === 'number' ? firstNumber(item) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

// The costs so far, one point for each of at most 300 of them, from 0 up.
function drawCurve(curve, costs) {
  const every = Math.ceil(costs.length / 300), shown = costs.filter((cost, place) => Number.isFinite(cost) && (place % every === 0 || place === costs.length - 1));
  curve.replaceChildren();
  curve.style.display = shown.length > 1 ? '' : 'none';
  if (shown.length < 2) return;
  const high = Math.max(...shown), low = Math.min(0, ...shown), x = place => 4 + 292 * place / Math.max(1, shown.length - 1);
  const y = cost => 80 - 70 * (cost - low) / ((high - low) || 1);
  const part = (tag, attributes, text = '') => {
    const made = document.createElementNS(NS, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    curve.append(made);
  };
  curve.setAttribute('aria-label', `the cost, from ${number(shown[0])} to ${number(shown.at(-1))} in ${costs.length} steps`);
  part('line', { x1: 4, y1: y(low), x2: 296, y2: y(low), class: 'axis' });
  part('polyline', { points: shown.map((cost, place) => `${x(place).toFixed(1)},${y(cost).toFixed(1)}`).join(' ') });
  part('text', { x: 4, y: 89 }, number(low));
  part('text', { x: 296, y: 89, 'text-anchor': 'end' }, `${costs.length} steps`);
  part('text', { x: 8, y: Math.max(8, y(shown[0]) - 3) }, number(shown[0]));
}
if (training) buildTraining();
