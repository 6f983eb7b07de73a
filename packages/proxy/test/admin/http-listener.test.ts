import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { HttpListener } from '../../src/admin/http-listener.ts';
import { textResponse } from '../../src/admin/http-response.ts';
import type { HttpResponse } from '../../src/admin/http-response.ts';

interface Server {
  readonly listener: HttpListener;
  readonly open: () => Promise<Socket>;
  /** Answers the requests for /slow. */
  readonly answerSlow: () => void;
  /** Sends bytes on a separate connection, and returns the whole response. */
  readonly send: (...parts: readonly string[]) => Promise<string>;
}

async function serve(t: TestContext): Promise<Server> {
  const slow = Promise.withResolvers<HttpResponse>();
  const listener = new HttpListener(null, ({ method, target }, { isLocal }) => {
    if (target === '/broken') throw new Error('a fault');
    if (target === '/slow') return slow.promise;
    return Promise.resolve(textResponse(200, `${method} ${target} ${isLocal}`));
  });
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => listener.close());
  const open = async (): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const send = async (...parts: readonly string[]): Promise<string> => {
    const socket = await open();
    return answerOf(socket, ...parts);
  };
  const answerSlow = (): void => slow.resolve(textResponse(200, 'slow'));
  return { listener, open, send, answerSlow };
}

async function answerOf(socket: Socket, ...parts: readonly string[]): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(socket, 'end');
  for (const part of parts) {
    socket.write(part);
    await new Promise(setImmediate);
  }
  await ended;
  return Buffer.concat(chunks).toString('latin1');
}

suite('the listener of the admin port', () => {
  test('answers one request, however it is split, and closes', async (t) => {
    const { send } = await serve(t);
    const request = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const parts of [[request], request.split(''), [request, request, 'and more']]) {
      const answer = await send(...parts);
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(answer, /\r\nconnection: close\r\n/);
      assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'GET /a true\n');
    }
  });

  test('HEAD has no body, and its length', async (t) => {
    const { send } = await serve(t);
    const answer = await send('HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(answer, /\r\ncontent-length: 13\r\n/);
    assert(answer.endsWith('\r\n\r\n'));
  });

  test('an invalid request is 400, one that is too long 431, and an exception 500', async (t) => {
    const { send } = await serve(t);
    assert.match(await send('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
    const long = `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(16 * 1024)}`;
    assert.match(await send(long), /^HTTP\/1\.1 431 /);
    assert.match(await send(`${long}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    assert.match(await send('GET /broken HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 500 /);
  });

  test('a request that does not come in time is given up', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { open } = await serve(t);
    const socket = await open();
    const gone = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\n');
    // The listener has accepted it before it answers another.
    await answerOf(await open(), 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    t.mock.timers.tick(9999);
    assert(!socket.destroyed);
    t.mock.timers.tick(1);
    await gone;
  });

  test('a connection whose request is being answered does not make way', async (t) => {
    const { open, send, answerSlow } = await serve(t);
    const asked = await open();
    const answer = answerOf(asked, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    // It has been read before the next is answered.
    await send('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    const idle: Socket[] = [];
    for (let count = 1; count < 32; count += 1) idle.push(await open());
    const [longest] = idle;
    assert(longest !== undefined);
    const gone = once(longest, 'close');
    assert.match(await send('GET /b HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /);
    await gone;
    answerSlow();
    assert.match(await answer, /^HTTP\/1\.1 200 /);
  });

  test('the oldest connection without a request is closed for a new one', async (t) => {
    const { open, send } = await serve(t);
    const idle: Socket[] = [];
    let closed = 0;
    for (let count = 0; count < 32; count += 1) {
      const socket = await open();
      socket.on('close', () => (closed += 1));
      idle.push(socket);
    }
    const [eldest, second, ...others] = idle;
    assert(eldest !== undefined && second !== undefined);
    const gone = once(eldest, 'close');
    assert.match(await send('GET /b HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /);
    await gone;
    assert.equal(closed, 1);
    for (const socket of [second, ...others])
      assert.match(await answerOf(socket, 'GET /c HTTP/1.1\r\nHost: x\r\n\r\n'), /GET \/c true/);
  });
});
