import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeCertificate, startPostgres } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import {
  BackendCode,
  buildBackendKeyData,
  buildMessage,
  buildParameterStatus,
  readyForQueryIdle,
} from '@sluice/wire';
import fc from 'fast-check';
import { frugal } from '../../../../test/helpers/database.ts';
import type { Address } from '../../src/backend/dial.ts';
import { runtimes } from '../runtimes.ts';
import type { Runtime } from '../runtimes.ts';
import type { LoginCase, LoginOutcome } from './login-program.ts';

const run = promisify(execFile);
const templates = path.resolve(import.meta.dirname, '../../../../.cache/postgres-templates');

const authenticationOk = Buffer.from('R\0\0\0\x08\0\0\0\0');

suite('the login at a database', () => {
  let encrypted: Postgres;
  let plain: Postgres;
  let certificate: Certificate;

  before(async () => {
    certificate = await makeCertificate();
    const hba = `
      host all trusted all trust
      host all clear all password
      host all hashed all md5
      host replication all all scram-sha-256
      host all all all scram-sha-256
    `;
    [encrypted, plain] = await Promise.all([
      startPostgres({ password: 'secret', templates, hba, parameters: frugal, tls: certificate }),
      startPostgres({ password: 'secret', templates, hba, parameters: frugal }),
    ]);
    const users = `
      CREATE USER trusted; CREATE USER clear PASSWORD 'secret'; CREATE USER "prepared" PASSWORD E'\\u00AAa';
      CREATE USER barred PASSWORD 'secret' CONNECTION LIMIT 0;
      SET password_encryption = 'md5'; CREATE USER hashed PASSWORD 'secret'
    `;
    await Promise.all([encrypted.query(users), plain.query(users)]);
  });

  after(() => Promise.all([encrypted.stop('immediate'), plain.stop('immediate')]));

  /** How to reach a database; omitted settings have their defaults. */
  function at({ port }: { readonly port: number }, address: Partial<Address> = {}): Address {
    return {
      host: '127.0.0.1',
      port,
      tlsMode: 'prefer',
      tlsNegotiation: 'postgres',
      md5WithoutTls: false,
      ca: certificate.ca,
      serverName: 'localhost',
      ...address,
    };
  }

  for (const runtime of ['node', 'bun'] as const) {
    suite(`on ${runtime}`, () => {
      const open = (...cases: readonly LoginCase[]): Promise<LoginOutcome[]> =>
        runProgram(runtime, cases);

      test('every authentication method, with and without TLS', async () => {
        const users = ['postgres', 'trusted', 'hashed', 'clear'];
        const cases = [
          ...users.map((user) => as(user, at(encrypted))),
          ...users.map((user) => as(user, at(plain))),
        ];
        const outcomes = await open(...cases, as('hashed', at(plain, { md5WithoutTls: true })));
        for (const [i, outcome] of outcomes.entries()) {
          const name = `${users[i % 4]}, ${i < 4 ? 'TLS' : 'plain'}`;
          if (i === 6 || i === 7) {
            assert.deepEqual(outcome.failure?.fields.sqlstate, '28000', name);
            assert.match(
              outcome.failure?.fields.message ?? '',
              i === 6
                ? /MD5 authentication, which the proxy uses without TLS only/
                : /cleartext password, which the proxy sends only/,
            );
            assert.equal(outcome.failure?.final, true);
            continue;
          }
          assert.equal(outcome.failure, null, name);
          assert.equal(outcome.tls, i < 4, name);
          assert.match(outcome.answer, /SELECT 1/, name);
          assert.equal(outcome.isLeft, false, name);
          assert.equal(outcome.secretBytes, 4, name);
          assert(outcome.processId > 0, name);
          assert.equal(outcome.parameters['client_encoding'], 'UTF8', name);
        }
      });

      test('TLS modes', async () => {
        const stranger = await makeCertificate();
        const cases = [
          [at(encrypted, { tlsMode: 'disable' }), 'plain'],
          [at(encrypted, { tlsMode: 'require', ca: stranger.ca }), 'TLS'],
          [at(encrypted, { tlsMode: 'verify-ca', serverName: 'example.com' }), 'TLS'],
          [at(encrypted, { tlsMode: 'verify-ca', ca: stranger.ca }), /cannot connect/],
          [at(encrypted, { tlsMode: 'verify-ca', ca: undefined }), /cannot connect/],
          [at(encrypted, { tlsMode: 'verify-full' }), 'TLS'],
          [at(encrypted, { tlsMode: 'verify-full', serverName: '127.0.0.1' }), 'TLS'],
          [at(encrypted, { tlsMode: 'verify-full', serverName: 'example.com' }), /cannot connect/],
          [at(encrypted, { tlsMode: 'verify-full', serverName: '127.0.0.9' }), /cannot connect/],
          [at(encrypted, { tlsMode: 'require', tlsNegotiation: 'direct' }), 'TLS'],
          [at(encrypted, { tlsMode: 'verify-full', tlsNegotiation: 'direct' }), 'TLS'],
          [at(plain, { tlsMode: 'prefer' }), 'plain'],
          [at(plain, { tlsMode: 'require' }), /does not support TLS, and TargetTlsMode is require/],
          [at(plain, { tlsMode: 'require', tlsNegotiation: 'direct' }), /cannot connect/],
        ] as const;
        const outcomes = await open(...cases.map(([address]) => as('postgres', address)));
        for (const [i, outcome] of outcomes.entries()) {
          const expected = cases[i]?.[1];
          const message = outcome.failure?.fields.message;
          if (expected instanceof RegExp) {
            assert.match(message ?? '', expected, `case ${i}`);
            assert.equal(outcome.failure?.fields.sqlstate, '08001');
          } else assert.equal(message ?? (outcome.tls ? 'TLS' : 'plain'), expected, `case ${i}`);
        }
      });

      test("the database's own errors are passed on with their fields", async () => {
        const [wrong, missing, barred, unknown, none] = await open(
          { ...as('postgres', at(plain)), password: 'wrong' },
          as('postgres', at(plain), [['database', 'missing']]),
          as('barred', at(plain)),
          as('postgres', at(plain), [['no_such_parameter', '1']]),
          { ...as('postgres', at(plain)), password: undefined },
        );
        assert.deepEqual(wrong?.failure, {
          fields: {
            severity: 'FATAL',
            sqlstate: '28P01',
            message: 'password authentication failed for user "postgres"',
            routine: 'auth_failed',
          },
          final: true,
        });
        assert.deepEqual(missing?.failure, {
          fields: {
            severity: 'FATAL',
            sqlstate: '3D000',
            message: 'database "missing" does not exist',
            routine: 'InitPostgres',
          },
          final: true,
        });
        assert.equal(barred?.failure?.fields.sqlstate, '53300');
        assert.equal(barred.failure.final, false);
        assert.equal(unknown?.failure?.fields.sqlstate, '42704');
        assert.match(none?.failure?.fields.message ?? '', /the proxy has none for user "postgres"/);
      });

      test('passwords are normalized with SASLprep; startup parameters and replication arrive', async () => {
        const [prepared, again, shown, logical] = await open(
          // U+00AA is "a" after SASLprep.
          { ...as('prepared', at(plain)), password: 'aa' },
          { ...as('prepared', at(plain)), password: '\u00AAa' },
          {
            ...as('postgres', at(plain), [
              ['application_name', 'x'],
              ['options', '-c work_mem=3MB'],
            ]),
            sql: 'SHOW work_mem',
          },
          { ...as('postgres', at(plain), [['replication', 'database']]), sql: 'IDENTIFY_SYSTEM' },
        );
        assert.equal(prepared?.failure, null);
        assert.equal(again?.failure, null);
        assert.match(shown?.answer ?? '', /3MB/);
        assert.equal(shown?.parameters['application_name'], 'x');
        assert.match(logical?.answer ?? '', /systemid/);
      });

      test('a cancel request stops the statement, with and without TLS', async () => {
        const started = performance.now();
        // The notice shows that the statement is running.
        const sql = "DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$";
        const outcomes = await open(
          { ...as('postgres', at(plain)), sql, cancel: true },
          { ...as('postgres', at(encrypted)), sql, cancel: true },
        );
        for (const { answer, canceled } of outcomes) {
          assert.equal(canceled, true);
          assert.match(answer, /C57014/);
        }
        assert(performance.now() - started < 30_000);
      });

      test('an invalid response to SSLRequest', async (t) => {
        const answers = [
          ['S and more', /unencrypted data/],
          ['Efork failed\n\0', /responded to SSLRequest with an error/],
          ['X', /does not speak the PostgreSQL protocol/],
          ['', /closed the connection/],
        ] as const;
        const ports = await Promise.all(
          answers.map(([answer]) => listen(t, () => Buffer.from(answer))),
        );
        const outcomes = await open(...ports.map((port) => as('postgres', at({ port }))));
        for (const [i, [answer, message]] of answers.entries())
          assert.match(outcomes[i]?.failure?.fields.message ?? '', message, answer);
      });

      test('bytes after the login are not lost', async (t) => {
        const port = await listen(t, () =>
          Buffer.concat([
            authenticationOk,
            buildParameterStatus('server_version', '18.0'),
            buildBackendKeyData(7, Buffer.alloc(32)),
            readyForQueryIdle,
            buildParameterStatus('a', 'b'),
          ]),
        );
        const address = at({ port }, { tlsMode: 'disable' });
        const [outcome] = await open({ ...as('postgres', address), sql: '' });
        assert.equal(outcome?.answer, 'S\0\0\0\x08a\0b\0');
        assert.equal(outcome.secretBytes, 32);
      });

      test('a database that is not idle after the login is refused', async (t) => {
        const statuses = ['T', 'E', '?', '', 'II'];
        const ports = await Promise.all(
          statuses.map((status) => {
            const ready = buildMessage(BackendCode.ReadyForQuery, Buffer.from(status));
            return listen(t, () => Buffer.concat([authenticationOk, ready]));
          }),
        );
        const outcomes = await open(
          ...ports.map((port) => as('postgres', at({ port }, { tlsMode: 'disable' }))),
        );
        for (const [i, status] of statuses.entries())
          assert.match(outcomes[i]?.failure?.fields.message ?? '', /its ReadyForQuery/, status);
      });

      test('a database that does not respond is given up after the connect time limit', async (t) => {
        const server = createServer((socket) => socket.on('error', () => undefined)).listen(0);
        t.after(() => server.close());
        await once(server, 'listening');
        const address = server.address();
        assert(typeof address === 'object' && address !== null);
        const target = at({ port: address.port }, { host: 'localhost', tlsMode: 'disable' });
        const [outcome] = await open({ ...as('postgres', target), timeout: 100 });
        assert.match(outcome?.failure?.fields.message ?? '', /within ConnectTimeout \(0\.1 s\)/);
        assert.equal(outcome?.failure?.final, false);
      });

      test('whatever a database sends, the process survives and the login ends', async (t) => {
        const noise = fc.sample(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
            message(fc.constantFrom('R', 'S', 'K', 'Z', 'E', 'v', 'N', '1')),
            fc
              .array(message(fc.constantFrom('R', 'S', 'K', 'Z')), { maxLength: 5 })
              .map((parts) => Buffer.concat(parts)),
          ),
          { numRuns: 100, seed: 7 },
        );
        let next = 0;
        const port = await listen(t, () => noise[next++] ?? Buffer.alloc(0));
        const address = at({ port }, { tlsMode: 'disable' });
        const one = { ...as('postgres', address), sql: '' };
        const outcomes = await open(...noise.map(() => one));
        assert.equal(outcomes.length, noise.length);
        assert(outcomes.every(({ failure }) => failure !== null));
      });
    });
  }
});

/** Logs in with the password "secret" and runs SELECT 1. */
function as(
  user: string,
  address: Address,
  startup: readonly (readonly [string, string])[] = [],
): LoginCase {
  return {
    address,
    user,
    password: 'secret',
    startup: [['user', user], ...(hasDatabase(startup) ? [] : [database]), ...startup],
    timeout: 10_000,
    sql: 'SELECT 1',
  };
}

const database = ['database', 'postgres'] as const;

function hasDatabase(startup: readonly (readonly [string, string])[]): boolean {
  return startup.some(([name]) => name === 'database');
}

async function runProgram(runtime: Runtime, cases: readonly LoginCase[]): Promise<LoginOutcome[]> {
  const program = path.join(import.meta.dirname, 'login-program.ts');
  const running = run(runtimes[runtime], [program], { timeout: 60_000 });
  running.child.stdin?.end(JSON.stringify(cases));
  const { stdout } = await running;
  const lines = stdout.trim().split('\n');
  return lines.map((line): LoginOutcome => JSON.parse(line));
}

/** A peer that sends `answer()` after any message, and closes. */
async function listen(
  t: { readonly after: (clean: () => void) => void },
  answer: () => Buffer,
): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer()));
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  return address.port;
}

/** A message with a valid frame and any body. */
function message(code: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  return fc.tuple(code, fc.uint8Array({ maxLength: 12 })).map(([letter, body]) => {
    const head = Buffer.from(`${letter}\0\0\0\0`);
    head.writeUInt32BE(4 + body.length, 1);
    return Buffer.concat([head, body]);
  });
}
