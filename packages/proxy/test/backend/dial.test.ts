import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { makeCertificate } from '@sluice/testkit';
import { dial } from '../../src/backend/dial.ts';
import { portOf } from '../sockets.ts';

/** Why no connection is made to a TLS server that selects one of these protocols; null: one is made. */
async function problemWith(
  t: { readonly after: (clean: () => void) => void },
  ALPNProtocols: string[] | undefined,
): Promise<string | null> {
  const { cert, key, ca } = await makeCertificate();
  const server = createServer({ cert, key, ...(ALPNProtocols && { ALPNProtocols }) }, (socket) => {
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  t.after(() => server.close());
  await once(server, 'listening');
  const port = portOf(server);
  return new Promise((resolve) => {
    dial(
      {
        host: '127.0.0.1',
        port,
        tlsMode: 'require',
        tlsNegotiation: 'direct',
        md5WithoutTls: false,
        ca,
        serverName: 'localhost',
      },
      (error, transport) => {
        transport?.destroy();
        resolve(error?.message ?? null);
      },
    );
  });
}

test('direct TLS leads to a database, and to no server of another protocol', async (t) => {
  assert.equal(await problemWith(t, ['postgresql']), null);
  assert.match(
    (await problemWith(t, undefined)) ?? '',
    /did not select ALPN protocol "postgresql"/,
  );
  assert.notEqual(await problemWith(t, ['http/1.1']), null);
});
