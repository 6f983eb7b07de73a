import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';

/** Sends a request unchanged and returns the whole response. */
async function rawRequest(
  { host, port }: { readonly host: string; readonly port: number },
  head: string,
): Promise<string> {
  const socket = connect({ host, port });
  socket.end(`${head}\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

/** A daemon does not start with settings that it cannot read, or that would admit everybody by mistake. */
suite('admission', () => {
  let database: Postgres;
  let folder: string;

  before(async () => {
    database = await startDatabase();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-admission-'));
  });
  after(() =>
    Promise.all([database.stop('immediate'), rm(folder, { recursive: true, force: true })]),
  );

  async function file(content: string): Promise<string> {
    const name = path.join(folder, 'file');
    await writeFile(name, content);
    return name;
  }

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      for (const [title, lines, why] of [
        [
          'an empty password',
          '"ann" "x"\n"svc" ""\n',
          'line 2: the password of user "svc" is empty',
        ],
        [
          'a broken verifier',
          '"svc" "SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5"\n',
          'line 1: the verifier of user "svc" is malformed',
        ],
        ['an unreadable line', '"svc" "pa"ss"\n', 'line 1: expected "user"'],
      ] as const) {
        test(`${title} in the AuthFile`, async () => {
          const log = await refusal({ AuthFile: await file(lines), Users: [] });
          assert(log.includes(why), log);
        });
      }

      test('an empty PasswordFile', async () => {
        const PasswordFile = await file('\n');
        const log = await refusal({ Users: [{ UserName: 'svc', PasswordFile }] });
        assert(log.includes('of user "svc" cannot be used: it is empty'), log);
      });

      test('an empty Password', async () => {
        const log = await refusal({ Users: [{ UserName: 'svc', Password: '' }] });
        assert.match(log, /Users\[0\]\.Password is not valid/);
      });

      test('the admin port responds only to its own host names and to valid requests', async (t) => {
        const sluice = await Sluice.start(
          database,
          { AdminHostNames: 'a.example, B.example' },
          runtime,
        );
        t.after(() => sluice.kill());
        const ask = (head: string): Promise<string> => rawRequest(sluice.adminAddress, head);
        for (const host of ['127.0.0.1:9127', '[::1]:9', 'sluice', 'localhost.', 'b.example:1'])
          assert.match(
            await ask(`GET /targets HTTP/1.1\r\nHost: ${host}`),
            /^HTTP\/1\.1 200/,
            host,
          );
        for (const host of [
          'evil.example',
          'evil.example:9127',
          '127.0.0.1.evil.example',
          'c.b.example',
        ])
          for (const request of ['GET /targets', 'GET /metrics', 'POST /pause'])
            assert.match(
              await ask(`${request} HTTP/1.1\r\nHost: ${host}`),
              /^HTTP\/1\.1 421/,
              host,
            );
        for (const request of ['GET //', 'GET http://[', 'POST //['])
          assert.match(
            await ask(`${request} HTTP/1.1\r\nHost: localhost`),
            /^HTTP\/1\.1 4/,
            request,
          );
        assert.equal(await sluice.stop(), 0);
      });

      /** The error of a daemon that does not start with these settings. */
      async function refusal(settings: Readonly<Record<string, unknown>>): Promise<string> {
        try {
          const sluice = await Sluice.start(database, settings, runtime);
          await sluice.kill();
        } catch (error) {
          return String(error).replaceAll('\\"', '"');
        }
        throw new Error('the daemon has started');
      }
    });
  }
});
