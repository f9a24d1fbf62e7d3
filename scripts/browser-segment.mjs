// Runs the module of examples/browser on Dawn: node browser-segment.mjs PHOTO.png MASK.png says whether it finds that mask, up to a rounding.
// See browser-check.sh.
import { mask as wanted, module, photo, says } from './browser-module.mjs';

const segmenter = await module.Segmenter.open();
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
