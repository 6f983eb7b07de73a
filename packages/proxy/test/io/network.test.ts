import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Server } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { nodeNetwork } from '../../src/io/node-network.ts';
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

test('a failed accept is reported, and does not end the process', async (t) => {
  const servers: Server[] = [];
  const listening = (message: unknown): void => {
    assert(typeof message === 'object' && message !== null && 'server' in message);
    assert(message.server instanceof Server);
    servers.push(message.server);
  };
  subscribe('tracing:net.server.listen:asyncStart', listening);
  t.after(() => unsubscribe('tracing:net.server.listen:asyncStart', listening));
  const failures: Error[] = [];
  const listener = await nodeNetwork.listen(
    { host: '127.0.0.1', port: 0 },
    { accepted: (transport) => transport.destroy(), failed: (error) => failures.push(error) },
  );
  t.after(() => listener.close());
  // As node:net does when the system has no descriptors left, which a test must not cause.
  const error = Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' });
  assert.equal(servers.length, 1);
  servers[0]?.emit('error', error);
  assert.deepEqual(failures, [error]);
});
