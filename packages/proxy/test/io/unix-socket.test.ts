import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { listenOnFile } from '../../src/io/unix-socket.ts';

async function fileFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-unix-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return path.join(folder, 'socket');
}

/** A server that greets with its name. */
function serverFor(t: TestContext, name: string): Server {
  const server = createServer((socket) => {
    // A probe does not wait for the greeting.
    socket.on('error', () => undefined);
    socket.end(name);
  });
  t.after(() => void server.close());
  return server;
}

async function greeting(file: string): Promise<string> {
  const client = connect(file);
  const [chunk] = (await once(client, 'data')) as [Buffer];
  client.destroy();
  return chunk.toString();
}

/** Leaves the file of a server that no longer accepts connections. */
async function makeStale(t: TestContext, file: string): Promise<void> {
  const server = serverFor(t, 'gone');
  await listenOnFile(server, file, 0o600);
  await new Promise((resolve) => server.close(resolve));
  assert((await lstat(file)).isSocket());
}

test('of two servers that start together, one gets the file', async (t) => {
  const file = await fileFor(t);
  for (let round = 0; round < 40; round++) {
    if (round % 2 === 1) await makeStale(t, file);
    const names = ['one', 'two'];
    const outcomes = await Promise.allSettled(
      names.map((name) => listenOnFile(serverFor(t, name), file, 0o600)),
    );
    const [won, ...more] = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const [lost] = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.deepEqual(more, []);
    assert.match(String(lost?.reason), /another process accepts connections there/);
    assert(won !== undefined);
    assert.equal(await greeting(file), names[outcomes.indexOf(won)]);
    // No other name is left over.
    assert.deepEqual(await readdir(path.dirname(file)), [path.basename(file)]);
    won.value();
    assert.deepEqual(await readdir(path.dirname(file)), []);
  }
});

test('the file of a successor stays', async (t) => {
  const file = await fileFor(t);
  const remove = await listenOnFile(serverFor(t, 'first'), file, 0o600);
  await rm(file);
  await listenOnFile(serverFor(t, 'second'), file, 0o600);
  remove();
  assert.equal(await greeting(file), 'second');
});

test('a file that is no socket is an error, and stays', async (t) => {
  const file = await fileFor(t);
  await writeFile(file, 'of somebody');
  await assert.rejects(listenOnFile(serverFor(t, 'any'), file, 0o600), /the file is not a socket/);
  assert((await lstat(file)).isFile());
  assert.deepEqual(await readdir(path.dirname(file)), [path.basename(file)]);
});

test('a directory that is missing, and a name that is too long, are errors', async (t) => {
  const file = await fileFor(t);
  await assert.rejects(listenOnFile(serverFor(t, 'any'), path.join(file, 'none', 'socket'), 0o600));
  const long = path.join(path.dirname(file), 'd'.repeat(100), 'socket');
  await assert.rejects(listenOnFile(serverFor(t, 'any'), long, 0o600));
});
