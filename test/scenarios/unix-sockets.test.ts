import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeCertificate } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { query, sslRequest, summary } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';
import type { Owner } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

const run = promisify(execFile);

async function folderFor(owner: Owner): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-socket-'));
  owner.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Unix sockets between clients, daemon and database. */
suite('unix sockets', () => {
  let database: Postgres;
  /** Of the database's socket. */
  let directory: string;
  const cleaning: (() => void | Promise<void>)[] = [];

  before(async () => {
    directory = await folderFor({ after: (clean) => void cleaning.push(clean) });
    // The server has another account if the tests run as root.
    await chmod(directory, 0o777);
    database = await startDatabase({
      socketDirectory: directory,
      hba: [
        'local clear all password',
        'local all old md5',
        'local all all scram-sha-256',
        'host all all all scram-sha-256',
      ].join('\n'),
    });
    await database.query('CREATE DATABASE clear');
    await database.query('CREATE DATABASE other');
    // The only kind of user for which PostgreSQL still uses MD5.
    const sum = createHash('md5').update('secretold').digest('hex');
    await database.query(`CREATE ROLE old LOGIN PASSWORD 'md5${sum}'`);
  });
  after(async () => {
    await database.stop('immediate');
    for (const clean of cleaning) await clean();
  });

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      const start = async (
        owner: Owner,
        settings: Readonly<Record<string, unknown>>,
      ): Promise<Sluice> => {
        const sluice = await Sluice.start(
          database,
          { TargetHost: directory, ...settings },
          runtime,
        );
        owner.after(() => sluice.kill());
        return sluice;
      };
      const addressIn = (folder: string, { port }: Sluice, name = 'shop'): Address => {
        const { user, password } = database;
        return { host: folder, port, user, password, database: name };
      };
      const login = async (owner: Owner, address: Address): Promise<RawClient> => {
        const client = await RawClient.login(address);
        owner.after(() => client.end());
        return client;
      };
      const fileOf = (folder: string, { port }: Sluice): string =>
        path.join(folder, `.s.PGSQL.${port}`);

      test('for clients and database: queries, large replies, a cancel request, and the log', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, { ListenSocket: folder, DebugLogging: true });
        const client = await login(t, addressIn(folder, sluice));
        assert.deepEqual(
          await client.rows(
            'SELECT client_addr, client_port FROM pg_stat_activity WHERE pid = pg_backend_pid()',
          ),
          [[null, '-1']],
        );
        const long = await client.value("SELECT repeat('x', 5000000)");
        assert.equal(long?.length, 5_000_000);
        client.send(query('SELECT pg_sleep(60)'));
        await eventually(async () => {
          const [row] = await database.query<{ running: boolean }>(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(60)') AS running",
          );
          assert.equal(row?.running, true);
        });
        await client.cancel();
        assert.match(summary(await client.ready()), /E 57014 \| Z I$/);
        const line = await sluice.logged(({ msg }) => msg === 'client connected');
        assert.equal(line['address'], '[local]');
        assert.equal(await sluice.stop(), 0);
        assert.deepEqual(await readdir(folder), []);
      });

      test('a driver, and TCP in addition to the socket', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, { ListenSocket: folder });
        const { user, password } = database;
        for (const host of [folder, sluice.host]) {
          const client = new Client({ host, port: sluice.port, user, password, database: 'shop' });
          await client.connect();
          const { rows } = await client.query('SELECT $1::int AS sum', [7]);
          assert.deepEqual(rows, [{ sum: 7 }]);
          await client.end();
        }
        assert.equal(await sluice.stop(), 0);
      });

      test('pgbench, also with a connection for each transaction', async (t) => {
        if (!(await isInstalled('pgbench'))) return t.skip('pgbench is not installed');
        const folder = await folderFor(t);
        const sluice = await start(t, { ListenSocket: folder });
        const bench = (...options: readonly string[]): Promise<{ readonly stdout: string }> =>
          run(
            'pgbench',
            ['-h', folder, '-p', String(sluice.port), '-U', database.user, ...options, 'shop'],
            { env: { ...process.env, PGPASSWORD: database.password } },
          );
        await bench('-i', '-s', '1', '-q');
        for (const mode of ['simple', 'prepared']) {
          const { stdout } = await bench('-n', '-M', mode, '-c', '8', '-j', '8', '-t', '25');
          assert.match(stdout, /processed: 200\/200/);
        }
        const { stdout } = await bench('-n', '-S', '-C', '-c', '4', '-t', '10');
        assert.match(stdout, /processed: 40\/40/);
        assert.equal(await sluice.stop(), 0);
      });

      test('the permissions are those of ListenSocketMode', async (t) => {
        const folder = await folderFor(t);
        const open = await start(t, { ListenSocket: folder });
        const closed = await start(t, { ListenSocket: folder, ListenSocketMode: '0600' });
        const modes = [open, closed].map(async (sluice) => {
          const { mode } = await lstat(fileOf(folder, sluice));
          return (mode & 0o777).toString(8);
        });
        assert.deepEqual(await Promise.all(modes), ['777', '600']);
      });

      test('the file of a killed daemon is replaced', async (t) => {
        const folder = await folderFor(t);
        const first = await start(t, { ListenSocket: folder });
        const { port } = first;
        await first.kill();
        assert.deepEqual(await readdir(folder), [`.s.PGSQL.${port}`]);
        const second = await start(t, { ListenSocket: folder, ListenPort: port });
        const client = await login(t, addressIn(folder, second));
        assert.equal(await client.value('SELECT 1'), '1');
        assert.deepEqual(await readdir(folder), [`.s.PGSQL.${port}`]);
        assert.equal(await second.stop(), 0);
        assert.deepEqual(await readdir(folder), []);
      });

      test('a second daemon with the same file does not start, and the first continues', async (t) => {
        const folder = await folderFor(t);
        const first = await start(t, { ListenSocket: folder });
        // On another address, because TCP itself would refuse it otherwise.
        const settings = { ListenSocket: folder, ListenPort: first.port, ListenHost: '127.0.0.2' };
        await assert.rejects(start(t, settings), /another process accepts connections there/);
        const client = await login(t, addressIn(folder, first));
        assert.equal(await client.value('SELECT 1'), '1');
        assert.equal(await first.stop(), 0);
        assert.deepEqual(await readdir(folder), []);
      });

      test('a file that is not a socket stays, and the daemon does not start', async (t) => {
        const folder = await folderFor(t);
        const first = await start(t, { ListenSocket: folder });
        const file = fileOf(folder, first);
        assert.equal(await first.stop(), 0);
        await writeFile(file, 'of somebody');
        const settings = { ListenSocket: folder, ListenPort: first.port };
        await assert.rejects(start(t, settings), /the file is not a socket/);
        assert.deepEqual(await readdir(folder), [path.basename(file)]);
      });

      test('a draining daemon removes its file first, so that its successor can start', async (t) => {
        const folder = await folderFor(t);
        const first = await start(t, { ListenSocket: folder });
        const client = await login(t, addressIn(folder, first));
        await client.query('BEGIN');
        first.signal('SIGTERM');
        await eventually(async () => assert.deepEqual(await readdir(folder), []));
        const second = await start(t, { ListenSocket: folder, ListenPort: first.port });
        const other = await login(t, addressIn(folder, second));
        assert.equal(await client.value('SELECT 1'), '1');
        assert.equal(summary(await client.query('COMMIT')), 'C COMMIT | Z I');
        assert.equal(await first.exited(), 0);
        // The file belongs to the new process now.
        assert.deepEqual(await readdir(folder), [path.basename(fileOf(folder, second))]);
        assert.equal(await other.value('SELECT 2'), '2');
        assert.equal(await second.stop(), 0);
      });

      test('no TLS, and none is necessary: SSLRequest is declined, RequireTLS applies to TCP', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, {
          ListenSocket: folder,
          ...(await tlsSettings(folder)),
          RequireTLS: true,
        });
        const address = addressIn(folder, sluice);
        const client = await RawClient.open(address);
        t.after(() => client.end());
        assert.equal(await client.negotiate(sslRequest), 'N');
        await client.login();
        assert.equal(await client.value('SELECT 1'), '1');
        await assert.rejects(RawClient.login({ ...address, host: sluice.host }), /TLS/);
      });

      test('rules for local clients, in the settings and in a pg_hba.conf', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, {
          ListenSocket: folder,
          ClientAuth: [
            { Type: 'local', Database: 'other', Method: 'password' },
            { Type: 'host', Database: 'other', Method: 'reject' },
          ],
          HbaFile: await hbaFile(folder),
        });
        const other = addressIn(folder, sluice, 'other');
        const client = await RawClient.open(other);
        t.after(() => client.end());
        // 3: a cleartext password, which only the kernel sees.
        const [request] = await client.login();
        assert.equal(request?.body.readInt32BE(0), 3);
        await assert.rejects(RawClient.login({ ...other, host: sluice.host }), /28000/);
        const trusted = { ...addressIn(folder, sluice), password: 'wrong' };
        await login(t, trusted);
        await assert.rejects(
          RawClient.login({ ...trusted, database: 'clear' }),
          /28000.*\[local\]/,
        );
        await assert.rejects(RawClient.login({ ...trusted, host: sluice.host }), /28P01/);
      });

      test('the database may request a cleartext password, or its MD5 hash', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, {
          ListenSocket: folder,
          TargetMd5WithoutTls: false,
          Users: [
            { UserName: database.user, Password: database.password },
            { UserName: 'old', Password: 'secret' },
          ],
        });
        const clear = await login(t, addressIn(folder, sluice, 'clear'));
        assert.equal(await clear.value('SELECT current_database()'), 'clear');
        const address = { ...addressIn(folder, sluice), user: 'old', password: 'secret' };
        const old = await login(t, address);
        assert.equal(await old.value('SELECT current_user'), 'old');
      });

      test('a database that does not run: the reason names its file', async (t) => {
        const folder = await folderFor(t);
        const sluice = await start(t, { TargetHost: folder });
        const { status, body } = await sluice.admin('/readyz');
        assert.equal(status, 503);
        const file = path.join(folder, `.s.PGSQL.${database.port}`);
        assert(body.includes(`cannot connect to the database at ${file}: `), body);
      });
    });
  }
});

async function isInstalled(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  );
}

/** A pg_hba.conf that trusts local clients in one database. */
async function hbaFile(folder: string): Promise<string> {
  const file = path.join(folder, 'pg_hba.conf');
  await writeFile(file, 'local shop all trust\nhost all all all scram-sha-256\n');
  return file;
}

async function tlsSettings(folder: string): Promise<Readonly<Record<string, string>>> {
  const { cert, key } = await makeCertificate();
  const [TlsCertFile, TlsKeyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  await Promise.all([writeFile(TlsCertFile, cert), writeFile(TlsKeyFile, key)]);
  return { TlsCertFile, TlsKeyFile };
}
