// Runs the module of examples/browser on Dawn: node browser-segment.mjs PHOTO.png MASK.png says whether it finds that mask, up to a rounding.
// See browser-check.sh.
import { create, globals } from 'webgpu';
import { readFileSync, writeSync } from 'node:fs';
import pngjs from 'pngjs';

const [photo, wanted] = process.argv.slice(2, 4).map((path) => pngjs.PNG.sync.read(readFileSync(path)));
const says = (text) => writeSync(1, `${text}\n`);

// What a page has: WebGPU's classes, and a window with a navigator.
Object.assign(globalThis, globals, { Window: class {} });
Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
const { default: init, Segmenter } = await import('./foveate.js');
await init({ module_or_path: readFileSync('foveate_bg.wasm') });

const segmenter = await Segmenter.open();
says(segmenter.adapter());
let mask;
for (const run of ['first', 'second']) {
  const begin = performance.now();
  mask = await segmenter.mask(new Uint8Array(photo.data), photo.width, photo.height);
  says(`${run} run: ${(performance.now() - begin).toFixed(0)} ms`);
}
const off = mask.map((likely, i) => Math.abs(likely - wanted.data[4 * i]));
const most = off.reduce((a, b) => Math.max(a, b), 0);
says(`${mask.length} pixels, off by ${most} of 255 at most, ${off.filter((d) => d > 0).length} of them at all`);
const same = mask.length === wanted.width * wanted.height && most <= 1;
says(same ? 'the same mask' : 'another mask');
process.exit(same ? 0 : 1);
