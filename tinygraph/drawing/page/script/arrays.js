// Arrays in the panel: a table of few numbers, or a map of cells, green above 0, purple below, as in a printed atlas.
const COLOURS = { above: [0, 122, 62], below: [118, 42, 131], wrong: [176, 0, 32] };

function showArray(array, words, into, kind) {
  const figure = add('figure', '', into, kind);
  add('figcaption', array.map ? `${words}, −${array.most} … 0 … ${array.most}${array.of ? ', ' + array.of : ''}` : words, figure);
  if (array.numbers) return showNumbers(array.numbers, figure);
  const canvas = document.createElement('canvas'), paint = canvas.getContext('2d');
  Object.assign(canvas, { width: array.columns, height: array.rows });
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${words}: a map of ${array.rows} by ${array.columns} cells, the largest ${array.most}`);
  const ground = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  const cells = Int8Array.from(atob(array.map), letter => letter.charCodeAt(0)), image = paint.createImageData(array.columns, array.rows);
  cells.forEach((cell, place) => {
    const wrong = cell === -128, full = wrong ? COLOURS.wrong : cell > 0 ? COLOURS.above : COLOURS.below, share = wrong ? 1 : Math.abs(cell) / 127;
    for (const part of [0, 1, 2]) image.data[4 * place + part] = ground[part] + (full[part] - ground[part]) * share;
    image.data[4 * place + 3] = 255;
  });
  paint.putImageData(image, 0, 0);
  const cell = Math.max(2, Math.min(10, Math.floor(240 / array.columns), Math.floor(240 / array.rows)));
  Object.assign(canvas.style, { width: `${cell * array.columns}px`, height: `${Math.max(cell, array.rows === 1 ? 12 : 0) * array.rows}px` });
  figure.append(canvas);
}

function showNumbers(rows, into) {
  const table = add('table', '', add('div', '', into, 'wide'));
  for (const row of rows) {
    const line = add('tr', '', table);
    row.forEach(text => add('td', text, line));
  }
}
