import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { connectTo, MemorySocket, ScriptedServer } from '../scripted-server.ts';
import { closeWithin } from '../../src/io/close-within.ts';
import { flushAndClose } from '../../src/session/flush-and-close.ts';

const second = 1000;

suite('a connection that has to close', () => {
  test('is destroyed in time even if the other side keeps sending', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const socket = new MemorySocket();
    closeWithin(socket, 5 * second);
    // The kernel would reset the connection if it were not read.
    assert(!socket.isPaused());
    for (let elapsed = 1; elapsed < 5; elapsed += 1) {
      t.mock.timers.tick(second);
      socket.feed(Buffer.from('x'));
    }
    assert(!socket.destroyed);
    t.mock.timers.tick(second);
    assert(socket.destroyed);
  });

  test('leaves no timer if it closes earlier', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const socket = new MemorySocket();
    let destroys = 0;
    socket.destroy = () => {
      destroys += 1;
    };
    closeWithin(socket, second);
    socket.close();
    t.mock.timers.tick(second);
    assert.equal(destroys, 0);
  });

  test('is destroyed if a client does not read the last bytes, even if it keeps sending', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const socket = new MemorySocket();
    // Like a socket whose bytes the kernel does not accept.
    socket.endAndClose = () => socket.end();
    socket.isFull = true;
    socket.write(Buffer.alloc(100));
    flushAndClose(socket, false, false);
    for (let elapsed = 0; elapsed < 30; elapsed += 1) {
      assert(!socket.destroyed, `after ${elapsed} s`);
      socket.feed(Buffer.from('x'));
      t.mock.timers.tick(second);
    }
    assert(socket.destroyed);
  });

  test('is destroyed if the database does not close it', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const server = new ScriptedServer();
    const connection = connectTo(server);
    connection.close('it is old');
    assert.deepEqual(server.read(), ['X']);
    assert(!server.socket.destroyed);
    t.mock.timers.tick(10 * second);
    assert(server.socket.destroyed);
    await connection.ended;
  });
});
