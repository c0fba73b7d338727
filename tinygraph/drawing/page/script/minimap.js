// A small picture of the whole, with a frame around the part in sight. It is hidden where the whole is in sight.
const MAP = { wide: 150, high: 110 };
let frame;

function drawMap() {
  const map = $('map'), space = 'http://www.w3.org/2000/svg', size = svg.viewBox.baseVal;
  const rect = (box, kind) => {
    const made = document.createElementNS(space, 'rect');
    for (const key of ['x', 'y', 'width', 'height']) made.setAttribute(key, box[key]);
    made.setAttribute('class', kind);
    return made;
  };
  const inner = document.createElementNS(space, 'g');
  const shift = svg.querySelector('g')?.getAttribute('transform');
  if (shift) inner.setAttribute('transform', shift);
  const layers = Object.values(clusters).map(group => rect(group.getBBox(), 'layer'));
  const kind = id => boxOf(id).parameter ? 'parameter' : 'box';
  const boxes = Object.entries(groups).map(([id, group]) => rect(group.getBBox(), kind(id)));
  inner.append(...layers, ...boxes);
  frame = rect({ x: 0, y: 0, width: 0, height: 0 }, 'frame');
  map.setAttribute('viewBox', `${size.x} ${size.y} ${size.width} ${size.height}`);
  const small = Math.min(MAP.wide / size.width, MAP.high / size.height, $('stage').clientWidth * 0.28 / size.width);
  map.style.width = `${Math.max(size.width * small, 12)}px`;
  map.style.height = `${Math.max(size.height * small, 12)}px`;
  map.replaceChildren(inner, frame);
}

function showMap() {
  const stage = $('stage'), unit = sizes.unit * view.scale;
  const right = view.x + sizes.wide * view.scale - stage.clientWidth;
  const bottom = view.y + sizes.high * view.scale - stage.clientHeight;
  const isWhole = Math.max(-view.x, -view.y, right, bottom) <= 1;
  $('map').toggleAttribute('hidden', isWhole);
  const size = svg.viewBox.baseVal;
  const box = { x: size.x - view.x / unit, y: size.y - view.y / unit, width: stage.clientWidth / unit, height: stage.clientHeight / unit };
  for (const [key, value] of Object.entries(box)) frame.setAttribute(key, value);
}

function goToPointOfMap(event) {
  const map = $('map').getBoundingClientRect(), stage = $('stage');
  const x = (event.clientX - map.left) / map.width * sizes.wide * view.scale;
  const y = (event.clientY - map.top) / map.height * sizes.high * view.scale;
  panBy(stage.clientWidth / 2 - x - view.x, stage.clientHeight / 2 - y - view.y);
}
