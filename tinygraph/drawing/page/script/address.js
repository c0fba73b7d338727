// The state of the page lives in its address, so that a link or a screenshot can name it: #in=s1&step=4&box=v7
// `in` is the picture (its open layers), `at` the part in sight: x, y and zoom.
// Opening, closing and choosing are steps of the browser's history; the slider, the search, zoom and pan replace the
// last one, so that Back never walks through a hundred positions of a slider.
'use strict';
const $ = id => document.getElementById(id);
const pictures = JSON.parse($('data').textContent), facts = JSON.parse($('facts').textContent);
const motionless = matchMedia('(prefers-reduced-motion: reduce)').matches;
const state = { in: '', at: '', step: null, box: '', find: '', theme: '' };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of ['in', 'at', 'box', 'find', 'theme']) state[key] = given.get(key) || '';
  if (!(state.in in pictures)) state.in = state.at = '';
  state.step = given.has('step') ? Number(given.get('step')) || 0 : null;
}

function writeAddress(isNewStep = false) {
  const kept = Object.entries(state).filter(([, value]) => value !== '' && value !== null);
  const address = '#' + new URLSearchParams(kept);
  if (address === (location.hash || '#')) return;
  try {
    if (isNewStep) history.pushState(null, '', address); else history.replaceState(null, '', address);
  } catch { /* a frame of a notebook has no address of its own */ }
}
