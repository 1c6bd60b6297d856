// The map of a report, to zoom into. The page holds reduced levels of the map as tiles (zlib, base64); the full map comes from the
// cloud-optimised GeoTIFFs beside the page, by byte ranges: over http by itself, from a disk when the reader opens them.
"use strict";
(() => {
const holder = document.getElementById("map-data");
const figure = document.getElementById("map-figure");
if (!holder || !figure || !window.DecompressionStream) return;  // the picture stays
const data = JSON.parse(holder.textContent);
const words = data.words;
const SIDE = 256;            // px of an inlined tile
const KEPT = 400;            // tiles in memory

// Sources of tiles. A level: {factor, cols, rows, side, read(col, row) -> Promise of numbers or null for an empty tile}.

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function inlinedLevel([factor, cols, rows, tiles]) {
  const across = Math.ceil(cols / SIDE);
  return {factor, cols, rows, side: SIDE, inlined: true, async read(col, row) {
    const text = tiles[row * across + col];
    if (!text) return null;
    return inflate(Uint8Array.from(atob(text), c => c.charCodeAt(0)));
  }};
}

// A GeoTIFF as GDAL's COG driver writes it: one band of 8 or 16 bits, tiles, deflate or no compression.
async function openGeotiff(readRange) {
  const TYPES = {1: 1, 3: 2, 4: 4, 16: 8};
  const head = await readRange(0, 65536);
  const bytes = async (offset, length) =>
    offset + length <= head.byteLength ? head.slice(offset, offset + length) : readRange(offset, length);
  const start = new DataView(head);
  const little = start.getUint16(0) === 0x4949, big = start.getUint16(2, little) === 43;
  const number = (view, at, size) =>
    size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, little) : size === 4 ? view.getUint32(at, little)
                                                                                         : Number(view.getBigUint64(at, little));
  const levels = [];
  let next = big ? number(start, 8, 8) : number(start, 4, 4);
  while (next) {
    const countSize = big ? 8 : 2, entrySize = big ? 20 : 12, wordSize = big ? 8 : 4;
    const count = number(new DataView(await bytes(next, countSize)), 0, countSize);
    const view = new DataView(await bytes(next + countSize, count * entrySize + wordSize));
    const tags = {};
    for (let i = 0; i < count; ++i) {
      const at = i * entrySize, size = TYPES[number(view, at + 2, 2)];
      if (!size) continue;
      const values = number(view, at + 4, wordSize), inside = at + 4 + wordSize;
      tags[number(view, at, 2)] = {size, count: values, place: values * size <= wordSize ? null : number(view, inside, wordSize),
                                   view, inside};
    }
    next = number(view, count * entrySize, wordSize);
    const list = async tag => {
      const t = tags[tag];
      if (!t) return [];
      const v = t.place === null ? t.view : new DataView(await bytes(t.place, t.count * t.size));
      return Array.from({length: t.count}, (_, i) => number(v, (t.place === null ? t.inside : 0) + i * t.size, t.size));
    };
    const one = async (tag, otherwise) => (await list(tag))[0] ?? otherwise;
    if (await one(254, 0) & 4) continue;  // a mask
    const [cols, rows, bits, packing, predictor, width, height] = await Promise.all(
      [[256], [257], [258], [259], [317, 1], [322], [323]].map(([tag, otherwise]) => one(tag, otherwise)));
    if (![1, 8, 32946].includes(packing) || predictor > 2 || bits > 16 || width !== height) throw new Error(words.packing);
    let places = null;
    levels.push({cols, rows, side: width, async read(col, row) {
      places ??= Promise.all([list(324), list(325)]);
      const [offsets, lengths] = await places;
      const tile = row * Math.ceil(cols / width) + col;
      if (!lengths[tile]) return null;
      let raw = new Uint8Array(await readRange(offsets[tile], lengths[tile]));
      if (packing !== 1) raw = await inflate(raw);
      const numbers = bits === 16 ? new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2) : raw;
      if (predictor === 2)
        for (let y = 0; y < height; ++y)
          for (let x = 1; x < width; ++x) numbers[y * width + x] += numbers[y * width + x - 1];
      return numbers;
    }});
  }
  for (const level of levels) level.factor = Math.round(levels[0].cols / level.cols);
  return levels;
}

// Layers.

const layers = data.layers.map(layer => ({...layer, levels: layer.levels.map(inlinedLevel), tiles: new Map(), opened: false}));
const classOfValue = new Map(data.classes.map((c, i) => [c.value, i]));
const classOfCode = new Map(data.classes.map((c, i) => [c.code, i]));
const hidden = new Set();
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const colors = data.classes.map(c => rgb(c.color));
let shown = layers[0], version = 0;

function rampColor(stops, position) {
  const at = Math.min(1, Math.max(0, position)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(at));
  const a = rgb(stops[i]), b = rgb(stops[i + 1]);
  return a.map((v, k) => v + (b[k] - v) * (at - i));
}
const rampTables = new Map();
function colorOf(layer, level, value) {  // nothing: transparent
  if (!value) return null;
  if (layer.ramp) {
    if (!rampTables.has(layer)) rampTables.set(layer, Array.from({length: 256}, (_, v) => rampColor(layer.ramp, v / layer.max)));
    return rampTables.get(layer)[Math.min(255, value)];
  }
  const index = (level.inlined ? classOfValue : classOfCode).get(value);
  return index === undefined || hidden.has(data.classes[index].code) ? null : colors[index];
}

function tileOf(layer, level, col, row) {
  const key = `${level.factor}/${col}/${row}`;
  let tile = layer.tiles.get(key);
  if (tile) {
    layer.tiles.delete(key);  // the least used come first
  } else {
    tile = {numbers: undefined, canvas: null, version: -1};
    level.read(col, row).then(numbers => { tile.numbers = numbers; schedule(); }, error => { tile.numbers = null; tell(error.message); });
    if (layer.tiles.size > KEPT) layer.tiles.delete(layer.tiles.keys().next().value);
  }
  layer.tiles.set(key, tile);
  return tile;
}

function pictureOf(layer, level, tile, width, height) {
  if (!tile.numbers) return null;
  if (tile.version === version && tile.canvas) return tile.canvas;
  const canvas = tile.canvas ?? Object.assign(document.createElement("canvas"), {width, height});
  const image = new ImageData(width, height), stride = level.inlined ? width : level.side;
  for (let y = 0, to = 0; y < height; ++y)
    for (let x = 0; x < width; ++x, to += 4) {
      const color = colorOf(layer, level, tile.numbers[y * stride + x]);
      if (color) image.data[to] = color[0], image.data[to + 1] = color[1], image.data[to + 2] = color[2], image.data[to + 3] = 255;
    }
  canvas.getContext("2d").putImageData(image, 0, 0);
  tile.canvas = canvas, tile.version = version;
  return canvas;
}

// Page.

const make = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) key in element ? (element[key] = value) : element.setAttribute(key, value);
  element.append(...children);
  return element;
};
const canvas = make("canvas", {tabIndex: 0, role: "application", "aria-label": words.map});
const readout = make("p", {className: "readout"}), live = make("p", {className: "spoken", "aria-live": "polite"}), note = make("p", {className: "note"});
const button = (text, label, action) => make("button", {type: "button", "aria-label": label, title: label, onclick: action}, text);
const tools = make("div", {className: "tools"},
  button("+", words.nearer, () => zoom(2)), button("−", words.farther, () => zoom(0.5)), button("⤢", words.whole, whole));
const bar = make("div", {className: "scalebar", "aria-hidden": "true"}, make("i"), make("span"));
const box = make("div", {className: "viewer"}, canvas, tools, bar);
const choice = make("fieldset", {className: "layers"}, make("legend", {className: "spoken"}, words.layer),
  ...layers.map(layer => make("label", {}, make("input", {type: "radio", name: "layer", checked: layer === shown,
    onchange: () => { shown = layer; schedule(); }}), " ", layer.title)));
figure.querySelector("img").classList.add("printed");  // the whole map on paper
figure.prepend(choice, box, readout);
figure.append(note, live);

// View: the map's pixel in the middle, and px of the screen a pixel of the map.
const view = {x: data.cols / 2, y: data.rows / 2, scale: 1};
const size = () => ({width: canvas.clientWidth || 1, height: canvas.clientHeight || 1});
const least = () => { const s = size(); return Math.min(s.width / data.cols, s.height / data.rows); };
const most = () => Math.max(24, least());
function whole() { view.x = data.cols / 2, view.y = data.rows / 2, view.scale = least(); schedule(); speak(); }
function clamp() {
  view.scale = Math.min(most(), Math.max(least(), view.scale));
  view.x = Math.min(data.cols, Math.max(0, view.x)), view.y = Math.min(data.rows, Math.max(0, view.y));
}
function zoom(factor, at) {  // `at`: place on the screen that stays; default: the middle
  const s = size(), dx = at ? at.x - s.width / 2 : 0, dy = at ? at.y - s.height / 2 : 0, before = view.scale;
  view.scale *= factor;
  clamp();
  view.x += dx / before - dx / view.scale, view.y += dy / before - dy / view.scale;
  clamp();
  schedule();
  speak();
}
function pan(dx, dy) { view.x -= dx / view.scale, view.y -= dy / view.scale; clamp(); schedule(); }

function levelFor(layer) {  // the coarsest that is as sharp as the screen, else the finest there is
  const wanted = 1 / (view.scale * (window.devicePixelRatio || 1));
  const sorted = [...layer.levels].sort((a, b) => b.factor - a.factor);
  return sorted.find(level => level.factor <= wanted * 1.01) ?? sorted[sorted.length - 1];
}

let waiting = false;
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

function draw() {
  const ratio = window.devicePixelRatio || 1, s = size();
  const width = Math.round(s.width * ratio), height = Math.round(s.height * ratio);
  if (canvas.width !== width || canvas.height !== height) canvas.width = width, canvas.height = height;
  clamp();
  const g = canvas.getContext("2d"), k = view.scale * ratio;
  g.clearRect(0, 0, width, height);
  g.imageSmoothingEnabled = false;
  const left = view.x - width / 2 / k, top = view.y - height / 2 / k;
  const wanted = levelFor(shown), coarsest = shown.levels.reduce((a, b) => a.factor > b.factor ? a : b);
  for (const level of wanted === coarsest ? [wanted] : [coarsest, wanted]) {
    const step = level.side * level.factor;
    const last = {col: Math.ceil(level.cols / level.side) - 1, row: Math.ceil(level.rows / level.side) - 1};
    for (let row = Math.max(0, Math.floor(top / step)); row <= Math.min(last.row, Math.floor((top + height / k) / step)); ++row)
      for (let col = Math.max(0, Math.floor(left / step)); col <= Math.min(last.col, Math.floor((left + width / k) / step)); ++col) {
        const tile = tileOf(shown, level, col, row);
        const w = Math.min(level.side, level.cols - col * level.side), h = Math.min(level.side, level.rows - row * level.side);
        const picture = pictureOf(shown, level, tile, w, h);
        const x = (col * step - left) * k, y = (row * step - top) * k, f = level.factor * k;
        if (level === wanted && tile.numbers !== undefined) g.clearRect(x, y, w * f, h * f);
        if (picture) g.drawImage(picture, x, y, w * f, h * f);
      }
  }
  if (canvas.matches(":focus-visible")) {
    g.strokeStyle = "#000", g.lineWidth = ratio;
    g.strokeRect(width / 2 - 6 * ratio, height / 2 - 6 * ratio, 12 * ratio, 12 * ratio);
    g.strokeStyle = "#fff";
    g.strokeRect(width / 2 - 5 * ratio, height / 2 - 5 * ratio, 10 * ratio, 10 * ratio);
  }
  if (data.metres) {
    const longest = 140 / view.scale * data.metres, power = 10 ** Math.floor(Math.log10(longest));
    const metres = [5, 2, 1].map(n => n * power).find(n => n <= longest);
    bar.firstChild.style.width = `${metres / data.metres * view.scale}px`;
    bar.lastChild.textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
  }
  const finest = Math.min(...shown.levels.map(level => level.factor));
  if (finest > 1 && view.scale * finest > 1.01) openBeside();
  showReadout(pointer);
}

// What is at a place of the map, from the finest tiles that are there.
function valueAt(layer, x, y) {
  for (const level of [...layer.levels].sort((a, b) => a.factor - b.factor)) {
    const px = Math.floor(x / level.factor), py = Math.floor(y / level.factor);
    if (px < 0 || py < 0 || px >= level.cols || py >= level.rows) continue;
    const col = Math.floor(px / level.side), row = Math.floor(py / level.side);
    const wanted = levelFor(layer) === level;
    const tile = layer.tiles.get(`${level.factor}/${col}/${row}`) ?? (wanted ? tileOf(layer, level, col, row) : undefined);
    if (!tile || tile.numbers === undefined) continue;
    if (tile.numbers === null) return {value: 0, level};
    const stride = level.inlined ? Math.min(level.side, level.cols - col * level.side) : level.side;
    return {value: tile.numbers[(py - row * level.side) * stride + px - col * level.side], level};
  }
  return null;
}
function textAt(x, y) {
  if (x < 0 || y < 0 || x >= data.cols || y >= data.rows) return words.outside;
  const parts = [];
  for (const layer of layers) {
    const found = valueAt(layer, x, y);
    if (!found) continue;
    if (layer.ramp) {
      if (found.value) parts.push(`${layer.short} ${found.value}${layer.unit}`);
      continue;
    }
    const index = (found.level.inlined ? classOfValue : classOfCode).get(found.value);
    parts.push(index === undefined ? words.nothing : `${data.classes[index].name} (${data.classes[index].code})`);
    if (index === undefined) break;
  }
  return parts.join(" · ");
}
let pointer = null;  // on the canvas
const placeOf = at => { const s = size(); return {x: view.x + (at.x - s.width / 2) / view.scale, y: view.y + (at.y - s.height / 2) / view.scale}; };
function showReadout(at) {
  const place = at ? placeOf(at) : {x: view.x, y: view.y};
  const text = textAt(place.x, place.y);
  const digits = data.metres ? 0 : 5;
  const where = `${(data.x0 + Math.floor(place.x) * data.pw).toFixed(digits)} ${(data.y0 - Math.floor(place.y) * data.ph).toFixed(digits)}`;
  readout.textContent = at || canvas.matches(":focus") ? `${text} — ${where}` : words.help;
}
let speaking = 0;
function speak() {  // for screen readers, when the view has come to rest
  clearTimeout(speaking);
  speaking = setTimeout(() => { if (canvas.matches(":focus")) live.textContent = textAt(view.x, view.y); }, 400);
}
const tell = text => { note.textContent = text; };

// The full map.

async function openLayer(layer, readRange) {
  const levels = await openGeotiff(readRange);
  if (levels[0].cols !== data.cols || levels[0].rows !== data.rows) throw new Error(words.otherGrid.replace("%", layer.file));
  const finest = Math.min(...layer.levels.map(level => level.factor));
  layer.levels.push(...levels.filter(level => level.factor < finest));
  schedule();
}
let offered = false;
function openBeside() {
  for (const layer of layers) {
    if (layer.opened) continue;
    if (location.protocol.startsWith("http")) {
      layer.opened = true;
      const url = new URL(layer.file, location.href);
      openLayer(layer, async (offset, length) => {
        const answer = await fetch(url, {headers: {Range: `bytes=${offset}-${offset + length - 1}`}});
        if (answer.status !== 206) throw new Error(words.noRanges.replace("%", layer.file));
        return answer.arrayBuffer();
      }).catch(error => tell(error.message));
    } else if (!offered) {
      offered = true;
      const files = layers.map(other => other.file).join(", ");
      const input = make("input", {type: "file", multiple: true, accept: ".tif", onchange: async () => {
        for (const file of input.files) {
          const match = layers.find(other => other.file === file.name);
          if (!match) { tell(words.otherFile.replace("%", file.name)); continue; }
          if (match.opened) continue;
          match.opened = true;
          await openLayer(match, (offset, length) => file.slice(offset, offset + length).arrayBuffer()).catch(error => tell(error.message));
        }
      }});
      note.replaceChildren(make("label", {}, `${words.open.replace("%", files)} `, input));
    }
  }
}

// Pointer, wheel, keys.

const touches = new Map();
const at = event => ({x: event.offsetX, y: event.offsetY});
canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); touches.set(event.pointerId, at(event)); });
canvas.addEventListener("pointermove", event => {
  const now = at(event), before = touches.get(event.pointerId);
  pointer = now;
  if (before && touches.size === 1) pan(now.x - before.x, now.y - before.y);
  if (before && touches.size === 2) {
    const other = [...touches].find(([id]) => id !== event.pointerId)[1];
    const length = p => Math.hypot(p.x - other.x, p.y - other.y) || 1;
    zoom(length(now) / length(before), {x: (now.x + other.x) / 2, y: (now.y + other.y) / 2});
  }
  if (before) touches.set(event.pointerId, now);
  schedule();
});
for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, event => touches.delete(event.pointerId));
canvas.addEventListener("pointerleave", () => { pointer = null; schedule(); });
canvas.addEventListener("dblclick", event => zoom(2, at(event)));
canvas.addEventListener("wheel", event => {  // the page scrolls until the reader has turned to the map
  if (!event.ctrlKey && document.activeElement !== canvas) return;
  event.preventDefault();
  zoom(2 ** (-event.deltaY / (event.ctrlKey ? 100 : 300)), at(event));
}, {passive: false});
canvas.addEventListener("keydown", event => {
  const step = 60, actions = {ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0), ArrowUp: () => pan(0, step),
    ArrowDown: () => pan(0, -step), "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5), Home: whole, "0": whole};
  if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  pointer = null;
  actions[event.key]();
  speak();
});
for (const name of ["focus", "blur"]) canvas.addEventListener(name, schedule);

// The legend hides classes.

const boxes = [];
for (const row of document.querySelectorAll("tr[data-code]")) {
  const code = Number(row.dataset.code), name = row.querySelector(".name");
  const input = make("input", {type: "checkbox", checked: true, onchange: () => {
    input.checked ? hidden.delete(code) : hidden.add(code);
    ++version;
    schedule();
  }});
  boxes.push(input);
  name.replaceChildren(make("label", {}, input, make("span", {}, ...name.childNodes)));
}
const setAll = checked => { for (const input of boxes) if (input.checked !== checked) input.checked = checked, input.onchange(); };
document.querySelector("table.legend")?.before(make("p", {className: "tools-row"},
  make("button", {type: "button", onclick: () => setAll(true)}, words.all), " ", make("button", {type: "button", onclick: () => setAll(false)}, words.none)));

new ResizeObserver(() => { clamp(); schedule(); }).observe(canvas);
whole();
})();
