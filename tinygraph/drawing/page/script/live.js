// A page that computes: its inputs have sliders and fields, and every number in the picture follows them.
// The program is the one that the compiler wrote; it returns the values, the gradients and the slopes of the graph.
const liveData = JSON.parse($('live-data').textContent), programs = window.tinygraphPrograms;
const MOST_FIELDS = 16, MOST_SLIDERS = 40;
const inputs = liveData.inputs.map(input => ({ ...input, first: input.value.map(Number), now: input.value.map(Number) }));
const contents = {};  // by a box the numbers of now, for the panel
let slopesNow = [], refreshControls = [];

const sized = shape => shape.reduce((size, length) => size * length, 1);
const asList = result => (ArrayBuffer.isView(result) ? Array.from(result) : [Number(result)]);
const byShape = (numbers, shape) => (shape.length ? numbers : numbers[0]);

const asItWasDrawn = () => inputs.every(({ first, now }) => first.every((value, place) => Object.is(value, now[place])));

function recompute() {
  const [values, gradients, slopes] = programs.compute(...inputs.map(input => byShape(input.now, input.shape)));
  const found = {}, at = (node, key, result, shape) => {
    const list = asList(result);
    (contents[`v${node}`] ??= {})[key] = list;
    (found[`v${node}`] ??= {})[key] = shape.length ? (key === 'gradient' ? `‖∇‖ ${number(norm(list), 2)}` : words(list)) : list[0];
  };
  liveData.values.forEach(({ node, shape }, place) => at(node, 'value', values[place], shape));
  liveData.gradients.forEach(({ node, shape }, place) => at(node, 'gradient', gradients[place], shape));
  for (const { node, shape } of liveData.gradients) {
    const gradient = found[`v${node}`].gradient;
    found[`g${node}`] = { value: gradient, gradient };
    contents[`g${node}`] = { value: contents[`v${node}`].gradient };
  }
  for (const { node } of liveData.values) {
    found[`o${node}`] = { value: found[`v${node}`].value };
    contents[`o${node}`] = { value: contents[`v${node}`].value };
  }
  slopesNow = liveData.slopes.map((pair, place) => [pair, Number(slopes[place])]);
  setValues(found);
  writeArrays();
  fitTexts();
  refreshControls.forEach(refresh => refresh());
}

// A number in at most `most` letters, as a field that cuts off "e-7" shows another number. A field cannot hold an infinity: it shows that behind an empty value.
function short(value, most) {
  if (!Number.isFinite(value)) return '';
  for (let digits = 6; digits; digits--) {
    for (const text of [String(Number(value.toPrecision(digits))), value.toExponential(digits - 1).replace('e+', 'e')]) if (text.length <= most) return text;
  }
  return '';
}

function field(label, get, set, into, most = 11) {
  const input = add('input', '', into);
  Object.assign(input, { type: 'number', step: 'any', ariaLabel: label });
  input.setAttribute('aria-label', label);
  input.oninput = () => { if (input.value !== '' && Number.isFinite(input.valueAsNumber)) set(input.valueAsNumber); };
  const refresh = () => { if (document.activeElement !== input || Number(input.value) !== get()) Object.assign(input, { value: short(get(), most), placeholder: Number.isFinite(get()) ? '' : number(get()) }); };
  refreshControls.push(refresh);
  refresh();
  return input;
}

// A slider over the numbers around the first one; over powers of ten for a rate.
function slider(label, get, set, into, { first, whole = false, rate = false }) {
  const input = add('input', '', into), reach = whole ? Math.max(4, 2 * Math.abs(first)) : 2 * Math.max(1, Math.abs(first));
  const ends = rate ? [Math.log10(first) - 2, Math.log10(first) + 2] : [-reach, reach];
  Object.assign(input, { type: 'range', min: ends[0], max: ends[1], step: whole ? 1 : (ends[1] - ends[0]) / 400 });
  input.setAttribute('aria-label', label);
  input.oninput = () => set(rate ? Number((10 ** input.valueAsNumber).toPrecision(3)) : Number(input.valueAsNumber.toPrecision(6)));
  const refresh = () => { input.value = rate ? Math.log10(get()) : get(); };
  refreshControls.push(refresh);
  refresh();
}

let asked = 0;
function askedFor(change) {
  change();
  cancelAnimationFrame(asked);
  asked = requestAnimationFrame(recompute);
}

function controlOf(input, into) {
  const size = sized(input.shape), row = add('div', '', into, input.shape.length ? 'control array' : 'control');
  add('b', input.name, row);
  const set = place => value => askedFor(() => { input.now[place] = value; });
  if (!input.shape.length) {
    slider(`${input.name}, slider`, () => input.now[0], set(0), row, { first: input.first[0], whole: input.whole });
    field(input.name, () => input.now[0], set(0), row);
  } else if (size && size <= MOST_FIELDS) {
    const columns = input.shape.at(-1), table = add('div', '', row, 'fields');
    table.style.gridTemplateColumns = `repeat(${Math.min(columns, 8)}, minmax(4.2rem, 1fr))`;
    input.now.forEach((_, place) => field(`${input.name}[${place}]`, () => input.now[place], set(place), table, columns > 3 ? 7 : 11));
  } else add('span', `${input.shape.join('×')}, as it was drawn`, row);
}

function buildControls() {
  const panel = $('live');
  panel.hidden = false;
  add('h2', 'Live', panel);
  add('p', 'Change an input: this page computes the recorded calls again. What Python decided from values stays as it was.', panel, 'hint');
  const scalars = inputs.filter(input => !input.shape.length), arrays = inputs.filter(input => input.shape.length);
  for (const input of [...scalars, ...arrays].slice(0, MOST_SLIDERS)) controlOf(input, panel);
  if (inputs.length > MOST_SLIDERS) add('p', `and ${inputs.length - MOST_SLIDERS} more inputs`, panel, 'hint');
  add('button', 'as it was drawn', add('div', '', panel, 'buttons')).onclick = () => {
    for (const input of inputs) input.now = [...input.first];
    document.dispatchEvent(new CustomEvent('tinygraph:reset'));
    recompute();
  };
}
buildControls();
window.tinygraph.inputs = inputs;
window.tinygraph.recompute = recompute;
