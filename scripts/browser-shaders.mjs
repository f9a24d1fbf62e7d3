// Reports what Dawn says of each .wgsl file in a folder; the last line counts errors. See browser-check.sh.
import { create, globals } from 'webgpu';
import { readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';

Object.assign(globalThis, globals);
const folder = process.argv[2];
const gpu = create([]); // must outlive the adapter
const adapter = await gpu.requestAdapter();
if (!adapter) {
  console.error('Dawn finds no adapter');
  process.exit(2);
}
const device = await adapter.requestDevice();
const files = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
let errors = 0;
for (const file of files) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: readFileSync(join(folder, file), 'utf8') });
  const { messages } = await module.getCompilationInfo();
  await device.popErrorScope();
  for (const { type, lineNum, linePos, message } of messages) {
    writeSync(1, `${file}:${lineNum}:${linePos}: ${type}: ${message}` + '\n');
    errors += type === 'error' ? 1 : 0;
  }
}
writeSync(1, `${files.length} shaders, ${errors} errors` + '\n');
process.exit(errors || !files.length ? 1 : 0);
