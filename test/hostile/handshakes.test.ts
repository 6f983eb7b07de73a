import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { makeCertificate } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { sslRequest } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Sluice } from '../helpers/sluice.ts';

const handshakes = 300;

/** The first message of a TLS client. A hostile one sends it again and again, which costs it nothing. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ port, host: '127.0.0.1' }).on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

suite('a flood of TLS handshakes', () => {
  let folder: string;
  let database: Postgres;
  let hello: Buffer;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-handshakes-'));
    const { cert, key } = await makeCertificate();
    await writeFile(path.join(folder, 'server.crt'), cert);
    await writeFile(path.join(folder, 'server.key'), key, { mode: 0o600 });
    database = await startDatabase();
    hello = await clientHello();
  });
  after(async () => {
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  for (const runtime of ['node', 'bun'] as const)
    test(`others are served in between, ${runtime}`, async (t) => {
      const sluice = await Sluice.start(
        database,
        {
          TlsCertFile: path.join(folder, 'server.crt'),
          TlsKeyFile: path.join(folder, 'server.key'),
        },
        runtime,
      );
      t.after(() => sluice.kill());
      const { host, port } = sluice;
      const { user, password, database: name } = database;
      const reader = await RawClient.login({ host, port, user, password, database: name });
      t.after(() => reader.destroy());
      const flood = await Promise.all(
        Array.from({ length: handshakes }, async () => {
          const socket = connect({ host, port, noDelay: true }).on('error', () => undefined);
          t.after(() => socket.destroy());
          socket.write(sslRequest);
          const [answer] = (await once(socket, 'data')) as [Buffer];
          assert.equal(answer.toString(), 'S');
          return socket;
        }),
      );
      assert.equal(await reader.value('SELECT 1'), '1');

      const answered = new Set<Socket>();
      for (const socket of flood) {
        socket.once('data', () => answered.add(socket));
        socket.write(hello);
      }
      let reads = 0;
      while (answered.size < flood.length) {
        assert.equal(await reader.value('SELECT 1'), '1');
        reads += 1;
      }
      // All at once, they would delay the first or the second one until the end.
      assert(reads >= 10, `${reads} reads beside ${handshakes} handshakes`);
    });
});
