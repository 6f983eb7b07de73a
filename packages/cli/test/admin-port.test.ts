import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { startProxy } from '@sluice/proxy';
import type { RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import { makeCertificate } from '@sluice/testkit';
import { run as health } from '../src/health/run.ts';
import { resume } from '../src/planned-work/run.ts';
import { run as status } from '../src/status/run.ts';
import type { Run } from '../src/command.ts';

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function ask(run: Run, options: Readonly<Record<string, unknown>>): Promise<Answer> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const output = Promise.all([text(stdout), text(stderr)]);
  const code = await run({ options, arguments: [], stdout, stderr }).finally(() => {
    stdout.end();
    stderr.end();
  });
  const [out, err] = await output;
  return { code, out, err };
}

suite('commands that use an admin port', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-admin-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** A proxy without a database; a file contains its settings, too. */
  async function proxyWith(
    settings: Readonly<Record<string, unknown>>,
    use: (proxy: RunningProxy, config: string) => Promise<void>,
  ): Promise<void> {
    const all = {
      ListenPort: 0,
      AdminPort: 0,
      TargetHost: '127.0.0.1',
      TargetPort: 1,
      Users: [{ UserName: 'app', Password: 'x' }],
      LogLevel: 'fatal',
      ...settings,
    } as const;
    const proxy = await startProxy(createSettings(all));
    try {
      const config = path.join(folder, 'sluice.yaml');
      await writeFile(config, JSON.stringify({ ...all, AdminPort: proxy.admin.port }));
      await use(proxy, config);
    } finally {
      await proxy.stop();
    }
  }

  test('through its Unix socket, from an option or the settings', async (t) => {
    const socket = path.join(folder, 'admin.sock');
    await proxyWith({ AdminHost: socket }, async (_proxy, config) => {
      assert.match((await ask(status, { admin: socket })).out, new RegExp(socket));
      for (const options of [{ admin: socket }, { config }]) {
        assert.equal(
          JSON.parse((await ask(status, { ...options, json: true })).out).pid,
          process.pid,
        );
        assert.equal((await ask(resume, options)).out, 'resumed\n');
      }
      t.after(() => delete process.env['SLUICE_ADMIN_HOST']);
      process.env['SLUICE_ADMIN_HOST'] = socket;
      assert.deepEqual(await ask(health, {}), { code: 0, out: '', err: '' });
    });
    assert.match((await ask(health, {})).err, /admin\.sock\/healthz does not respond: ENOENT/);
  });

  test('whose settings let it choose its port: says where its log names that port', async () => {
    const config = path.join(folder, 'sluice.yaml');
    const settings = { TargetHost: 'db', AdminPort: 0, Users: [{ UserName: 'a', Password: 'x' }] };
    await writeFile(config, JSON.stringify(settings));
    for (const run of [status, resume])
      await assert.rejects(ask(run, { config }), {
        message: `${config} has AdminPort 0, so the proxy chose a free port; the line "ready" of its log has it; pass it with --admin http://HOST:PORT`,
      });
  });

  test('with TLS, with the given authority and client certificate', async () => {
    const server = await makeCertificate();
    const client = await makeCertificate({ commonName: 'operator', authority: server });
    const file = async (name: string, content: string): Promise<string> => {
      const place = path.join(folder, name);
      await writeFile(place, content);
      return place;
    };
    const ca = await file('ca', server.ca);
    const settings = {
      AdminTlsCertFile: await file('cert', server.cert),
      AdminTlsKeyFile: await file('key', server.key),
      AdminTlsCaFile: ca,
    };
    const shown = {
      adminCert: await file('client-cert', client.cert),
      adminKey: await file('client-key', client.key),
    };
    await proxyWith(settings, async ({ admin: { port } }, config) => {
      const admin = `https://localhost:${port}`;
      await assert.rejects(ask(status, { admin }), /\((?:SELF_SIGNED|UNABLE_TO)[A-Z_]+\)/);
      assert.match(
        (await ask(health, { admin })).err,
        /does not respond: (?:SELF_SIGNED|UNABLE_TO)/,
      );
      assert.equal((await ask(health, { admin, adminCa: ca })).code, 0);
      await assert.rejects(
        ask(status, { admin, adminCa: ca }),
        /a token or a client certificate; set SLUICE_ADMIN_TOKEN/,
      );
      const { out } = await ask(status, { admin, adminCa: ca, ...shown, json: true });
      assert.equal(JSON.parse(out).pid, process.pid);
      // Settings that name the authority for operators' certificates also name that of the port.
      assert.equal((await ask(resume, { config, ...shown })).out, 'resumed\n');
      await assert.rejects(
        ask(status, { admin, adminCa: path.join(folder, 'nothing') }),
        /nothing cannot be read: ENOENT/,
      );
    });
  });

  test('no response', async () => {
    const admin = 'http://127.0.0.1:1';
    await assert.rejects(
      ask(status, { admin }),
      /no proxy responds at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    );
    await assert.rejects(
      ask(resume, { admin }),
      /no proxy responds at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    );
  });
});
