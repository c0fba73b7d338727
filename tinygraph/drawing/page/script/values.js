// Other values than the drawn ones: a program that computes in the page hands them over, and the picture shows them.
// window.tinygraph.setValues({ v3: { value: 25, gradient: 0.1 } }) changes the cards of these boxes, in every picture.
let changed = null;

const SUPERSCRIPTS = { '-': '⁻', ...Object.fromEntries([...'⁰¹²³⁴⁵⁶⁷⁸⁹'].map((sign, digit) => [digit, sign])) };

// A number as the pictures write it: three significant digits, a true minus sign, 6×10⁻⁷.
function number(value, digits = 3) {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const sign = value < 0 ? '−' : '', [mantissa, power] = Math.abs(value).toExponential(digits - 1).split('e');
  const exponent = Number(power), trim = text => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent >= -3 && exponent < 4) return sign + trim(Math.abs(value).toFixed(Math.max(0, digits - 1 - exponent)));
  return `${sign}${trim(mantissa)}×10${[...String(exponent)].map(letter => SUPERSCRIPTS[letter]).join('')}`;
}
const asText = value => (typeof value === 'number' ? number(value) : String(value));

function setValues(values) {
  changed = { ...changed, ...values };
  writeValues();
  show();
}

function writeValues() {
  for (const [id, { value, gradient }] of Object.entries(changed ?? {})) {
    for (const text of groups[id]?.querySelectorAll('text') ?? []) {
      const isGradient = text.classList.contains('gradient-part'), now = isGradient ? gradient : value;
      const place = text.textContent.lastIndexOf('= ');
      if (now === undefined || place < 0) continue;
      text.textContent = text.textContent.slice(0, place + 2) + asText(now);
      text.removeAttribute('textLength');
    }
  }
}
document.addEventListener('tinygraph:picture', writeValues);

// The sentence of a step with the number of now: the rule, and its result.
function live(id, isBackward) {
  const box = boxOf(id), now = changed[id]?.[isBackward ? 'gradient' : 'value'], rule = isBackward ? box.backrule : box.rule;
  return rule && now !== undefined ? `${rule}${typeof now === 'number' ? ' = ' : ', '}${asText(now)}` : rule;
}
