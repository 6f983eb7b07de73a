import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { triesAll } from '../helpers/extent.ts';
import { Sluice } from '../helpers/sluice.ts';

/** Every secret that the run has to do with; no two share a part. */
const secrets = {
  database: 'zq-database-zq',
  inSettings: 'zq-settings-zq',
  inFile: 'zq-file-zq',
  inAuthFile: 'zq-authfile-zq',
  wrong: 'zq-wrong-zq',
  inDatabase: 'zq-told-by-database-zq',
  rotated: 'zq-rotated-zq',
  admin: 'zq-admin-token-zq-long',
  reading: 'zq-reading-token-zq-long',
} as const;

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

function asked(sluice: Sluice, place: string, token: string): Promise<Response> {
  const { host, port } = sluice.adminAddress;
  return fetch(`http://${host}:${port}${place}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

suite('secrets stay secret', () => {
  let certificate: Certificate;
  let database: Postgres;
  let folder: string;
  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-secrets-'));
    database = await startDatabase();
    for (const [role, password] of [
      ['settings', secrets.inSettings],
      ['file', secrets.inFile],
      ['listed', secrets.inAuthFile],
      ['told', secrets.inDatabase],
    ])
      await database.query(`create role ${role} login password '${password}'`);
  });
  after(async () => {
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  for (const [runtime, levels] of [
    ['node', logLevels],
    // What is logged at a level is the same code on both.
    ['bun', triesAll ? logLevels : (['trace', 'fatal'] as const)],
  ] as const)
    for (const LogLevel of levels) {
      test(`${runtime}, LogLevel ${LogLevel}`, async () => {
        const file = async (name: string, text: string): Promise<string> => {
          const place = path.join(folder, `${runtime}-${LogLevel}-${name}`);
          await writeFile(place, text);
          return place;
        };
        const PasswordFile = await file('password', secrets.inFile);
        const sluice = await Sluice.start(
          database,
          {
            // `ready` is logged at info: the addresses are needed, so the level is set by a reload.
            LogLevel: 'info',
            DebugLogging: LogLevel === 'trace',
            TlsCertFile: await file('cert', certificate.cert),
            TlsKeyFile: await file('key', certificate.key),
            Users: [
              { UserName: 'ann', Password: database.password },
              { UserName: 'settings', Password: secrets.inSettings },
              { UserName: 'file', PasswordFile },
            ],
            AuthFile: await file('users', `"listed" "${secrets.inAuthFile}"\n`),
            AuthQuery: 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1',
            ClientAuth: [
              { User: 'settings', Method: 'password' },
              { User: 'all', Method: 'md5' },
            ],
            AdminToken: secrets.admin,
          },
          runtime,
        );
        const told: string[] = [];
        try {
          await sluice.rewrite({ LogLevel, AdminReadOnlyToken: secrets.reading });
          // The log may not say that it has reloaded; that the token counts does.
          for (let status = 0; status !== 200; await delay(20))
            ({ status } = await asked(sluice, '/status', secrets.reading));
          const login = async (user: string, password: string): Promise<void> => {
            const { host, port } = sluice;
            const ssl = { ca: certificate.ca };
            const client = new Client({ host, port, user, password, database: 'shop', ssl });
            client.on('error', () => undefined);
            try {
              await client.connect();
              await client.query(`select 1 as one`);
            } catch (error) {
              told.push(JSON.stringify(error), String(error));
            } finally {
              await client.end().catch(() => undefined);
            }
          };
          for (const [user, password] of [
            ['settings', secrets.inSettings],
            ['file', secrets.inFile],
            ['listed', secrets.inAuthFile],
            ['told', secrets.inDatabase],
            ['settings', secrets.wrong],
            ['file', secrets.wrong],
            ['told', secrets.wrong],
            ['nobody', secrets.wrong],
          ] as const)
            await login(user, password);
          assert.equal(told.filter((text) => text.includes('28P01')).length, 4, told.join('\n'));
          // A password that the database does not take, and settings that are wrong.
          await writeFile(PasswordFile, secrets.rotated);
          await sluice.rewrite({
            Users: [{ UserName: 'x', Password: secrets.rotated, Wrong: secrets.wrong }],
          });
          await login('file', secrets.rotated);
          for (const place of ['/metrics', '/status', '/targets', '/healthz', '/readyz', '/'])
            for (const token of [secrets.admin, secrets.reading, secrets.wrong]) {
              const response = await asked(sluice, place, token);
              told.push(await response.text(), JSON.stringify([...response.headers]));
            }
          for (const name of ['cmdline', 'environ', 'comm'])
            told.push(await readFile(`/proc/${sluice.pid}/${name}`, 'latin1'));
          await sluice.stop();
        } finally {
          await sluice.kill();
        }
        const everything = [...told, JSON.stringify(sluice.log)].join('\n');
        if (LogLevel === 'trace') assert.match(everything, /client login failed/);
        assert.doesNotMatch(everything, /zq-/);
        assert.ok(!everything.includes(database.password));
        // Verifiers, and the key of the certificate.
        assert.doesNotMatch(everything, /SCRAM-SHA-256\$\d|PRIVATE KEY/);
        assert.ok(!everything.includes(certificate.key.split('\n')[1] ?? '-'));
      });
    }
});
