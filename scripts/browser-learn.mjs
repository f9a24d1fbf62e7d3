// Has the Learner of examples/browser learn on Dawn: node browser-learn.mjs PHOTO.png MASK.png paints a sixteenth of a smaller photo's pixels
// by the mask and says whether a U-Net finds the rest of it. See browser-check.sh.
import { mask, module, photo, says } from './browser-module.mjs';

const [factor, steps, least] = [4, 60, 0.85];
const [width, height] = [photo.width, photo.height].map((side) => Math.floor(side / factor));
const pixels = [...Array(width * height).keys()].map((i) => [i % width, Math.floor(i / width)]);
const place = ([x, y]) => 4 * (factor * y * photo.width + factor * x);
const rgba = new Uint8Array(pixels.flatMap((at) => [...photo.data.subarray(place(at), place(at) + 4)]));
const wanted = pixels.map((at) => Number(mask.data[place(at)] > 127));
// Anywhere: a U-Net has weights of its own for each place within the pixels that poolings make one.
const painted = ([x, y]) => Math.imul(Math.imul(x + 1, 374761393) ^ Math.imul(y + 1, 668265263), 2654435769) >>> 28 === 0;
const labels = new Uint8Array(pixels.map((at, i) => (painted(at) ? wanted[i] : 255)));

const learner = await module.Learner.open(rgba, width, height, 1);
let [likely, losses] = [undefined, []];
const begin = performance.now();
for (let step = 0; step <= steps; step += 1) {
  likely = await learner.step(labels);
  losses.push(learner.loss());
}
says(`${learner.adapter()}: ${steps} steps of ${width} x ${height} pixels in ${((performance.now() - begin) / 1e3).toFixed(1)} s`);
const refused = await learner.step(labels.map((label) => (label ? label : 255))).catch((error) => String(error));
const rest = pixels.map((at, i) => [painted(at), likely[i] > 127, wanted[i] === 1]).filter(([known]) => !known);
const count = (what) => rest.filter(what).length;
const share = count(([, found, there]) => found && there) / count(([, found, there]) => found || there);
says(`loss ${losses[0].toFixed(3)} to ${losses[steps].toFixed(3)}; of what was not painted the IoU is ${share.toFixed(3)}; with one kind alone: ${refused}`);
const learnt = share > least && losses[steps] < losses[0] / 2 && String(refused).includes('0 and 1');
says(learnt ? 'it has learnt' : 'it has not learnt');
process.exit(learnt ? 0 : 1);
