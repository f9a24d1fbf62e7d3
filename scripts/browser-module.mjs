// The module of examples/browser on Dawn, and the photo and the mask that the other scripts are given. See browser-check.sh.
import { create, globals } from 'webgpu';
import { readFileSync, writeSync } from 'node:fs';
import pngjs from 'pngjs';

export const [photo, mask] = process.argv.slice(2, 4).map((path) => pngjs.PNG.sync.read(readFileSync(path)));
export const says = (text) => writeSync(1, `${text}\n`);

// What a page has: WebGPU's classes, and a window with a navigator.
Object.assign(globalThis, globals, { Window: class {} });
Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
export const module = await import('./foveate.js');
await module.default({ module_or_path: readFileSync('foveate_bg.wasm') });
