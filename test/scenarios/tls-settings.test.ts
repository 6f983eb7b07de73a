import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';

const run = promisify(execFile);

suite('TLS settings', () => {
  let certificate: Certificate;
  let other: Certificate;
  let client: Certificate;
  let revoked: Certificate;
  let database: Postgres;
  let folder: string;

  before(async () => {
    certificate = await makeCertificate();
    other = await makeCertificate({ hosts: ['*.other.example'], authority: certificate });
    client = await makeCertificate({ commonName: 'ann', authority: certificate });
    revoked = await makeCertificate({ commonName: 'ann', authority: certificate });
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-tls-settings-'));
    for (const [name, made] of Object.entries({ server: certificate, other, client, revoked })) {
      await writeFile(file(`${name}.crt`), made.cert);
      await writeFile(file(`${name}.key`), made.key);
    }
    await writeFile(file('ca.crt'), certificate.ca);
    await writeFile(file('ca.key'), certificate.caKey);
    await makeCrl();
    database = await startDatabase({
      tls: certificate,
      // The proxy has to present a certificate, too.
      hba:
        'host postgres all 127.0.0.1/32 scram-sha-256\n' +
        'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n',
    });
  });
  after(async () => {
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  function file(name: string): string {
    return path.join(folder, name);
  }

  /** Creates a revocation list of the authority with OpenSSL's own tool. */
  async function makeCrl(): Promise<void> {
    await writeFile(file('index.txt'), '');
    await writeFile(
      file('ca.cnf'),
      `[ca]\ndefault_ca=it\n[it]\ndatabase=${file('index.txt')}\ndefault_md=sha256\ndefault_crl_days=30\n`,
    );
    const ca = [
      'ca',
      '-config',
      file('ca.cnf'),
      '-cert',
      file('ca.crt'),
      '-keyfile',
      file('ca.key'),
    ];
    await run('openssl', [...ca, '-revoke', file('revoked.crt')]);
    await run('openssl', [...ca, '-gencrl', '-out', file('ca.crl')]);
  }

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      const base = (): Record<string, unknown> => ({
        TlsCertFile: file('server.crt'),
        TlsKeyFile: file('server.key'),
        TargetTlsMode: 'verify-full',
        TargetTlsNegotiation: 'direct',
        TargetTlsCaFile: file('ca.crt'),
        TargetTlsServerName: 'localhost',
        TargetTlsCertFile: file('client.crt'),
        TargetTlsKeyFile: file('client.key'),
      });

      async function started(
        settings: Readonly<Record<string, unknown>>,
        use: (sluice: Sluice) => Promise<void>,
      ): Promise<void> {
        const sluice = await Sluice.start(database, { ...base(), ...settings }, runtime);
        try {
          await use(sluice);
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
        }
      }

      function config(sluice: Sluice, ssl: ConnectionOptions = {}): ClientConfig {
        const { user, password, database: name } = database;
        const { host, port } = sluice;
        return { host, port, user, password, database: name, ssl: { ca: certificate.ca, ...ssl } };
      }

      async function one(options: ClientConfig): Promise<unknown> {
        const connection = new Client(options);
        connection.on('error', () => undefined);
        try {
          await connection.connect();
          return (await connection.query('select 1 as one')).rows[0];
        } finally {
          await connection.end().catch(() => undefined);
        }
      }

      /** Performs a handshake directly; resolves to the socket. */
      async function direct(sluice: Sluice, options: ConnectionOptions): Promise<TLSSocket> {
        const socket = connectTls({
          host: sluice.host,
          port: sluice.port,
          ca: certificate.ca,
          servername: 'localhost',
          ALPNProtocols: ['postgresql'],
          ...options,
        });
        await once(socket, 'secureConnect');
        return socket;
      }

      test('a client certificate for the database, direct TLS to it, SNI for clients', async () => {
        const TlsCertificates = [{ CertFile: file('other.crt'), KeyFile: file('other.key') }];
        await started({ TlsCertificates }, async (sluice) => {
          assert.deepEqual(await one(config(sluice)), { one: 1 });
          for (const [servername, name] of [
            ['localhost', 'localhost'],
            ['db.other.example', '*.other.example'],
            ['unknown.example', 'localhost'],
          ] as const) {
            const socket = await direct(sluice, {
              servername,
              checkServerIdentity: () => undefined,
            });
            assert.equal(socket.getPeerCertificate().subject.CN, name);
            socket.destroy();
          }
          // Channel binding uses the certificate that this client received.
          const bound = { ...config(sluice), enableChannelBinding: true };
          for (const servername of ['localhost', 'db.other.example'])
            assert.deepEqual(
              await one({
                ...bound,
                ssl: { ca: certificate.ca, servername, checkServerIdentity: () => undefined },
              }),
              { one: 1 },
            );
        });
      });

      test('versions, cipher suites and groups', async () => {
        await started(
          {
            TlsMinVersion: 'TLSv1.2',
            TlsCiphers: 'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384',
            TlsGroups: 'P-256',
          },
          async (sluice) => {
            assert.deepEqual(await one(config(sluice)), { one: 1 });
            const socket = await direct(sluice, { ecdhCurve: 'P-256' });
            // Bun's TLS has its own suites for TLS 1.3.
            if (runtime === 'node')
              assert.equal(socket.getCipher().standardName, 'TLS_AES_256_GCM_SHA384');
            socket.destroy();
            await assert.rejects(
              direct(sluice, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }),
            );
            await assert.rejects(direct(sluice, { ecdhCurve: 'X25519' }));
          },
        );
        await started({ TlsMinVersion: 'TLSv1.3' }, async (sluice) => {
          await assert.rejects(direct(sluice, { maxVersion: 'TLSv1.2' }));
          (await direct(sluice, { minVersion: 'TLSv1.3' })).destroy();
        });
      });

      test('a TLS session is resumed', async () => {
        await started({}, async (sluice) => {
          const first = await direct(sluice, { maxVersion: 'TLSv1.2' });
          const session = first.getSession();
          assert(session !== undefined);
          first.destroy();
          const second = await direct(sluice, { maxVersion: 'TLSv1.2', session });
          assert.equal(second.isSessionReused(), true);
          second.destroy();
        });
      });

      test('a revoked client certificate is refused', async () => {
        const settings = {
          TlsMode: 'verify-full',
          TlsCaFile: file('ca.crt'),
          TlsCrlFile: file('ca.crl'),
        };
        await started(settings, async (sluice) => {
          const { cert, key } = client;
          assert.deepEqual(await one(config(sluice, { cert, key })), { one: 1 });
          await assert.rejects(one(config(sluice, { cert: revoked.cert, key: revoked.key })), {
            code: '28000',
          });
          await sluice.logged(
            ({ msg, why }) => msg === 'client login failed' && /revoked/i.test(String(why)),
          );
        });
      });

      test('changed certificate files are loaded, and no client is disconnected', async () => {
        const own = { cert: file(`${runtime}.crt`), key: file(`${runtime}.key`) };
        await writeFile(own.cert, certificate.cert);
        await writeFile(own.key, certificate.key);
        await started({ TlsCertFile: own.cert, TlsKeyFile: own.key }, async (sluice) => {
          const connection = new Client(config(sluice));
          await connection.connect();
          const next = await makeCertificate({ commonName: 'next', authority: certificate });
          await writeFile(own.cert, next.cert);
          await writeFile(own.key, next.key);
          await sluice.logged(({ msg }) => msg === 'settings reloaded');
          const socket = await direct(sluice, { checkServerIdentity: () => undefined });
          assert.equal(socket.getPeerCertificate().subject.CN, 'next');
          socket.destroy();
          assert.deepEqual((await connection.query('select 1 as one')).rows, [{ one: 1 }]);
          await connection.end();
        });
      });

      test('TargetTlsCa rds trusts Amazon RDS, and therefore not this database', async () => {
        const { TargetTlsCaFile: _, ...rest } = base();
        const sluice = await Sluice.start(
          database,
          { ...rest, TargetTlsCa: 'rds', ConnectionBorrowTimeout: 1 },
          runtime,
        );
        try {
          await assert.rejects(one(config(sluice)), /certificate|issuer|timed out/);
          const { body } = await sluice.admin('/readyz');
          assert.match(body, /issuer|self.signed|verify/i);
        } finally {
          await sluice.kill();
        }
      });
    });
  }
});
