import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { fieldsOf, sslRequest, startupPacket } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import type { Owner } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

suite('TLS for clients and for the database', () => {
  let certificate: Certificate;
  let database: Postgres;
  let folder: string;
  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-tls-'));
    for (const name of ['cert', 'key', 'ca'] as const) {
      await writeFile(path.join(folder, `${name}.pem`), certificate[name]);
    }
    database = await startDatabase({
      tls: certificate,
      // The database requires TLS, so the proxy has to use it.
      hba: 'hostssl all all 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 reject\n',
    });
  });
  after(async () => {
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      let sluice: Sluice;
      before(async () => {
        const file = (name: string): string => path.join(folder, `${name}.pem`);
        sluice = await Sluice.start(
          database,
          {
            TlsCertFile: file('cert'),
            TlsKeyFile: file('key'),
            TlsMode: 'require',
            TargetTlsMode: 'verify-full',
            TargetTlsCaFile: file('ca'),
          },
          runtime,
        );
      });
      after(async () => {
        try {
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
        }
      });

      const address = (): Address => {
        const { user, password, database: name } = database;
        return { host: sluice.host, port: sluice.port, user, password, database: name };
      };
      const open = async (owner: Owner): Promise<RawClient> => {
        const client = await RawClient.open(address());
        owner.after(() => client.end());
        return client;
      };

      test('after SSLRequest, as libpq requests it', async (t) => {
        const client = await open(t);
        assert.equal(await client.negotiate(sslRequest), 'S');
        await client.startTls({ ca: certificate.ca, servername: 'localhost' });
        await client.login();
        const rows = await client.rows('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
        assert.deepEqual(rows, [['t']]);
      });

      test('directly, with ALPN', async (t) => {
        const client = await open(t);
        await client.startTls({
          ca: certificate.ca,
          servername: 'localhost',
          ALPNProtocols: ['postgresql'],
        });
        await client.login();
        assert.equal(await client.value('SELECT 1'), '1');
      });

      test('directly, but without ALPN or with another protocol: refused', async () => {
        for (const options of [{}, { ALPNProtocols: ['h2'] }]) {
          const { port } = address();
          const socket = connectTls({
            port,
            host: '127.0.0.1',
            ca: certificate.ca,
            servername: 'localhost',
            ...options,
          });
          await new Promise<void>((resolve) => {
            socket.on('error', () => undefined);
            socket.on('close', () => resolve());
            socket.on('secureConnect', () => {
              socket.write(startupPacket({ user: 'ann', database: 'shop' }));
            });
            socket.on('data', () => resolve(assert.fail('a login was begun')));
          });
        }
      });

      test('a client without TLS is refused with 28000', async (t) => {
        const client = await open(t);
        client.send(startupPacket({ user: 'ann', database: 'shop' }));
        const [error] = await client.untilClosed();
        assert(error !== undefined);
        assert.equal(fieldsOf(error)['C'], '28000');
      });

      test('bytes before the response to SSLRequest do not count as the login', async (t) => {
        const client = await open(t);
        client.send(sslRequest, startupPacket({ user: 'ann', database: 'shop' }));
        await client.closed;
      });

      test('a driver that verifies the certificate, and large values in both directions', async (t) => {
        const client = new Client({ ...address(), ssl: { ca: certificate.ca } });
        await client.connect();
        t.after(() => client.end());
        const long = 'x'.repeat(3_000_000);
        const { rows } = await client.query<{ readonly t: string }>('SELECT $1::text AS t', [long]);
        assert(rows[0]?.t === long);
      });
    });
  }
});
