import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { runtimes } from '../runtimes.ts';
import type { Runtime } from '../runtimes.ts';

const module = pathToFileURL(path.resolve(import.meta.dirname, '../../src/io/network.ts')).href;
const program = `import('${module}').then(({ network }) => console.log(network.name))`;

/** The socket implementation that a process uses. */
async function chosen(runtime: Runtime, sockets?: string): Promise<string> {
  const { SLUICE_SOCKETS: _, ...environment } = process.env;
  const env = { ...environment, ...(sockets === undefined ? {} : { SLUICE_SOCKETS: sockets }) };
  const { stdout } = await promisify(execFile)(runtimes[runtime], ['-e', program], { env });
  return stdout.trim();
}

test('each runtime uses its own sockets, unless SLUICE_SOCKETS selects others', async () => {
  assert.equal(await chosen('node'), 'node');
  assert.equal(await chosen('bun'), 'bun');
  assert.equal(await chosen('bun', 'node'), 'node');
  await assert.rejects(chosen('node', 'bun'), /SLUICE_SOCKETS is "bun"; it can be node/);
  await assert.rejects(chosen('bun', 'other'), /SLUICE_SOCKETS is "other"/);
});
