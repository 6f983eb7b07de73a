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
import { nextBytes } from '../sockets.ts';

async function fileFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-unix-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return path.join(folder, 'socket');
}

/** A server that sends its name first. */
function serverFor(t: TestContext, name: string): Server {
  const server = createServer((socket) => {
    // A probe does not wait for the greeting.
    socket.on('error', () => undefined);
    socket.end(name);
  });
  t.after(() => void server.close());
  return server;
}

/** Gives the file to a server. */
function own(server: Server, file: string): Promise<() => void> {
  return listenOnFile(file, 0o600, async (made) => {
    server.listen(made);
    await once(server, 'listening');
  });
}

async function greeting(file: string): Promise<string> {
  const client = connect(file);
  const chunk = await nextBytes(client);
  client.destroy();
  return chunk.toString();
}

/** Leaves the file of a server that no longer accepts connections. */
async function makeStale(t: TestContext, file: string): Promise<void> {
  const server = serverFor(t, 'gone');
  await own(server, file);
  await new Promise((resolve) => server.close(resolve));
  assert((await lstat(file)).isSocket());
}

test('of two servers that start together, one gets the file', async (t) => {
  const file = await fileFor(t);
  for (let round = 0; round < 40; round++) {
    if (round % 2 === 1) await makeStale(t, file);
    const names = ['one', 'two'];
    const outcomes = await Promise.allSettled(names.map((name) => own(serverFor(t, name), file)));
    const [won, ...more] = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const [lost] = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.deepEqual(more, []);
    assert.match(String(lost?.reason), /another process accepts connections there/);
    assert(won !== undefined);
    assert.equal(await greeting(file), names[outcomes.indexOf(won)]);
    // No other name remains.
    assert.deepEqual(await readdir(path.dirname(file)), [path.basename(file)]);
    won.value();
    assert.deepEqual(await readdir(path.dirname(file)), []);
  }
});

test('the file of the next server stays', async (t) => {
  const file = await fileFor(t);
  const remove = await own(serverFor(t, 'first'), file);
  await rm(file);
  await own(serverFor(t, 'second'), file);
  remove();
  assert.equal(await greeting(file), 'second');
});

test('a file that is not a socket is an error, and stays', async (t) => {
  const file = await fileFor(t);
  await writeFile(file, 'of somebody');
  await assert.rejects(own(serverFor(t, 'any'), file), /the file is not a socket/);
  assert((await lstat(file)).isFile());
  assert.deepEqual(await readdir(path.dirname(file)), [path.basename(file)]);
});

test('a missing directory, and a name that is too long, are errors', async (t) => {
  const file = await fileFor(t);
  await assert.rejects(own(serverFor(t, 'any'), path.join(file, 'none', 'socket')));
  const long = path.join(path.dirname(file), 'd'.repeat(100), 'socket');
  await assert.rejects(own(serverFor(t, 'any'), long));
});
