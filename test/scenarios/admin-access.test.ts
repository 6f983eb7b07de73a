import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';

const readToken = 'read-only-token-of-16';
const writeToken = 'read-write-token-of-16';

/** An address of this machine that is not its loopback. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

interface Asked {
  readonly method?: string;
  readonly token?: string;
  readonly socketPath?: string;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

function ask(
  at: { readonly host: string; readonly port: number },
  pathname: string,
  { method = 'GET', token, socketPath, tls }: Asked = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      ...(socketPath === undefined ? at : { socketPath, host: 'localhost' }),
      path: pathname,
      method,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...tls,
      ...(tls === undefined ? {} : { servername: 'localhost' }),
    };
    const request = (tls === undefined ? httpRequest : httpsRequest)(options, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

suite('who may use the admin port', () => {
  let database: Postgres;
  let folder: string;
  before(async () => {
    database = await startDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-admin-'));
  });
  after(async () => {
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      async function started(
        settings: Readonly<Record<string, unknown>>,
        use: (sluice: Sluice) => Promise<void>,
      ): Promise<void> {
        const sluice = await Sluice.start(database, settings, runtime);
        try {
          await use(sluice);
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
        }
      }

      test('on every address: health checks for all, the rest only from this machine', async (t) => {
        if (outside === undefined) {
          t.skip('this machine has no address but its loopback');
          return;
        }
        await started({ AdminHost: '0.0.0.0' }, async (sluice) => {
          const { port } = sluice.adminAddress;
          assert.equal((await ask({ host: '127.0.0.1', port }, '/status')).status, 200);
          const at = { host: outside, port };
          assert.deepEqual(await ask(at, '/healthz'), { status: 200, body: 'ok\n' });
          assert.equal((await ask(at, '/readyz')).status, 200);
          for (const place of ['/status', '/targets', '/metrics', '/', '/nowhere'])
            assert.equal((await ask(at, place)).status, 401, place);
          for (const place of ['/pause', '/resume', '/drain'])
            assert.equal((await ask(at, place, { method: 'POST' })).status, 401, place);
          await sluice.logged(({ msg }) =>
            msg.startsWith(
              'the admin port listens on 0.0.0.0: it answers only /healthz and /readyz',
            ),
          );
        });
      });

      test('tokens: one permits reading, the other changes; GET changes nothing', async () => {
        const AdminTokenFile = path.join(folder, `token-${runtime}`);
        await writeFile(AdminTokenFile, `${writeToken}\n`);
        await started({ AdminTokenFile, AdminReadOnlyToken: readToken }, async (sluice) => {
          const at = sluice.adminAddress;
          assert.equal((await ask(at, '/status')).status, 401);
          assert.equal((await ask(at, '/status', { token: 'wrong' })).status, 401);
          assert.equal((await ask(at, '/healthz')).status, 200);
          for (const token of [readToken, writeToken])
            for (const place of ['/status', '/targets', '/metrics']) {
              const { status, body } = await ask(at, place, { token });
              assert.equal(status, 200);
              for (const secret of [readToken, writeToken, database.password])
                assert.ok(!body.includes(secret));
            }
          for (const place of ['/pause', '/resume', '/drain?target=x']) {
            assert.equal((await ask(at, place, { token: writeToken })).status, 405, place);
            const post = { method: 'POST', token: readToken };
            assert.equal((await ask(at, place, post)).status, 403, place);
          }
          const change = { method: 'POST', token: writeToken };
          assert.equal((await ask(at, '/pause', change)).status, 200);
          assert.equal((await ask(at, '/resume', change)).status, 200);
          // A new token in the file applies from then on.
          await writeFile(AdminTokenFile, 'another-token-of-16-chars');
          await sluice.logged(({ msg }) => msg === 'settings reloaded');
          assert.equal((await ask(at, '/status', { token: writeToken })).status, 401);
          assert.equal(
            (await ask(at, '/status', { token: 'another-token-of-16-chars' })).status,
            200,
          );
        });
      });

      test('a client certificate is equivalent to a token', async () => {
        const server = await makeCertificate();
        const client = await makeCertificate({ commonName: 'operator', authority: server });
        const stranger = await makeCertificate({ commonName: 'operator' });
        const file = async (name: string, text: string): Promise<string> => {
          const place = path.join(folder, `${runtime}-${name}`);
          await writeFile(place, text);
          return place;
        };
        await started(
          {
            AdminTlsCertFile: await file('cert', server.cert),
            AdminTlsKeyFile: await file('key', server.key),
            AdminTlsCaFile: await file('ca', server.ca),
          },
          async (sluice) => {
            const at = sluice.adminAddress;
            const { ca } = server;
            assert.equal((await ask(at, '/healthz', { tls: { ca } })).status, 200);
            assert.equal((await ask(at, '/status', { tls: { ca } })).status, 401);
            const { cert, key } = client;
            assert.equal((await ask(at, '/status', { tls: { ca, cert, key } })).status, 200);
            const other = { ca, cert: stranger.cert, key: stranger.key };
            assert.equal((await ask(at, '/status', { tls: other })).status, 401);
          },
        );
      });

      test('a Unix socket: access by file permissions', async () => {
        const socketPath = path.join(folder, `${runtime}.sock`);
        await started({ AdminHost: socketPath }, async () => {
          assert.equal((await stat(socketPath)).mode & 0o077, 0);
          const nowhere = { host: '', port: 0 };
          assert.equal((await ask(nowhere, '/status', { socketPath })).status, 200);
        });
        // A file that a killed process has left does not matter.
        const killed = await Sluice.start(database, { AdminHost: socketPath }, runtime);
        await killed.kill();
        await started({ AdminHost: socketPath }, async () => {
          assert.equal((await ask({ host: '', port: 0 }, '/healthz', { socketPath })).status, 200);
        });
      });
    });
  }
});
