import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Registry } from 'prom-client';
import { AdminAccess, isLocalHost, isLoopback } from '../../src/admin/admin-access.ts';
import { AdminServer } from '../../src/admin/admin-server.ts';
import { isOwnHost } from '../../src/admin/host-check.ts';
import { createSettings } from '../../src/settings/index.ts';
import type { Settings } from '../../src/settings/index.ts';

const token = 'a token of operators'.replaceAll(' ', '-');
const readOnlyToken = 'a token of scrapers'.replaceAll(' ', '-');

function settingsWith(given: Partial<Settings>): Settings {
  return createSettings({
    TargetHost: 'x',
    Users: [{ UserName: 'ann', Password: 'secret' }],
    ...given,
  });
}

interface Sent {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Port {
  /** The status of the answer. */
  readonly send: (sent: Sent) => Promise<number | undefined>;
  /** What was done to the targets. */
  readonly done: string[];
}

async function serve(t: TestContext, given: Partial<Settings> = {}): Promise<Port> {
  const done: string[] = [];
  const access = new AdminAccess(settingsWith(given));
  const server = new AdminServer({
    metrics: new Registry(),
    notReady: () => Promise.resolve('the database is down'),
    targets: () => ({}),
    status: () => assert.fail('the status is not asked for'),
    hostNames: () => ['sluice.example.org'],
    access: () => access,
    tls: null,
    group: {
      targets: [],
      pause: () => done.push('pause') > 0,
      resume: () => void done.push('resume'),
      find: () => undefined,
      drain: () => true,
      undrain: () => undefined,
    },
  });
  const { port } = await server.listen('127.0.0.1', 0);
  t.after(() => server.close());
  const send = ({ method = 'GET', target = '/targets', headers = {} }: Sent) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', method, path: target, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject);
      sent.end();
    });
  return { send, done };
}

suite('the admin port', () => {
  test('answers who names it by an address or a name of its own', async (t) => {
    const { send } = await serve(t);
    for (const [host, status] of [
      ['127.0.0.1', 200],
      ['localhost:9127', 200],
      ['[::1]:9127', 200],
      ['sluice.example.org', 200],
      ['SLUICE.example.org.:9127', 200],
      ['evil.example.org', 421],
      ['sluice.example.org.evil.org', 421],
      ['127.0.0.1.evil.org', 421],
    ] as const)
      assert.equal(await send({ headers: { host } }), status, host);
  });

  test('refuses what it cannot answer', async (t) => {
    const { send, done } = await serve(t);
    for (const [sent, status] of [
      [{ target: 'http://[/targets' }, 400],
      [{ target: '/none' }, 404],
      [{ method: 'POST' }, 405],
      [{ target: '/pause' }, 405],
      [{ method: 'DELETE', target: '/pause' }, 405],
      [{ method: 'POST', target: '/pause', headers: { origin: 'http://evil.example.org' } }, 403],
      [{ target: '/readyz' }, 503],
      [{ target: '/healthz' }, 200],
    ] as const)
      assert.equal(await send(sent), status, JSON.stringify(sent));
    assert.deepEqual(done, []);
    assert.equal(await send({ method: 'POST', target: '/pause' }), 200);
    assert.deepEqual(done, ['pause']);
  });

  test('with tokens: who has none sees whether it lives, and who may read changes nothing', async (t) => {
    const { send, done } = await serve(t, {
      AdminToken: token,
      AdminReadOnlyToken: readOnlyToken,
    });
    const as = (given: string): Sent => ({ headers: { authorization: given } });
    const pause = { method: 'POST', target: '/pause' };
    for (const [sent, status] of [
      [{}, 401],
      [as(`Bearer ${token}x`), 401],
      [as(`Bearer ${token.slice(0, -1)}`), 401],
      [as(`Basic ${token}`), 401],
      [as(token), 401],
      [pause, 401],
      [{ target: '/healthz' }, 200],
      [as(`Bearer ${readOnlyToken}`), 200],
      [{ ...as(`Bearer ${readOnlyToken}`), ...pause }, 403],
    ] as const)
      assert.equal(await send(sent), status, JSON.stringify(sent));
    assert.deepEqual(done, []);
    assert.equal(await send({ ...as(`Bearer ${token}`), ...pause }), 200);
    assert.deepEqual(done, ['pause']);
  });
});

suite('the access to the admin port', () => {
  const nobody = { method: 'GET', target: '/', headers: new Map<string, string>() };

  test('needs a token or a certificate, unless it is on this machine and has neither', () => {
    const open = new AdminAccess(settingsWith({}));
    assert(!open.isGuarded);
    assert.equal(open.of(nobody, { isLocal: true, isAuthorized: false }), 'all');
    assert.equal(open.of(nobody, { isLocal: false, isAuthorized: false }), 'health');
    // Nobody has asked for certificates.
    assert.equal(open.of(nobody, { isLocal: false, isAuthorized: true }), 'health');
    const guarded = new AdminAccess(settingsWith({ AdminToken: token }));
    assert(guarded.isGuarded);
    assert.equal(guarded.of(nobody, { isLocal: true, isAuthorized: false }), 'health');
  });

  test('a token file has a token that cannot be guessed', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-admin-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const AdminTokenFile = path.join(folder, 'token');
    const code = 'ADMIN_TOKEN';
    assert.throws(() => new AdminAccess(settingsWith({ AdminTokenFile })), { code });
    for (const text of [
      '',
      '\n',
      'short',
      'x'.repeat(15),
      'two words of a long text',
      `${token}é`,
    ]) {
      await writeFile(AdminTokenFile, text);
      assert.throws(() => new AdminAccess(settingsWith({ AdminTokenFile })), { code }, text);
    }
    await writeFile(AdminTokenFile, `${token}\n`);
    assert(new AdminAccess(settingsWith({ AdminTokenFile })).isGuarded);
  });

  test('what this machine is', () => {
    for (const [address, isLocal] of [
      ['127.0.0.1', true],
      ['127.9.9.9', true],
      ['::ffff:127.0.0.1', true],
      ['::1', true],
      ['10.0.0.1', false],
      ['::ffff:10.0.0.127', false],
      ['1127.0.0.1', false],
      [undefined, false],
    ] as const)
      assert.equal(isLoopback(address), isLocal, address);
    assert(
      isLocalHost('/run/sluice/admin') && isLocalHost('localhost') && isLocalHost('127.0.0.2'),
    );
    assert(!isLocalHost('0.0.0.0') && !isLocalHost('::') && !isLocalHost('db.localhost.org'));
  });

  test('names that a web page can have are none of its own', () => {
    for (const [host, isOwn] of [
      ['sluice', true],
      ['sluice.local', true],
      ['sluice.internal:9127', true],
      ['a.localhost', true],
      ['evillocalhost.org', false],
      ['local.org', false],
      ['10.0.0.1:9127', true],
      ['[fd00::1]', true],
      ['own.example.org', true],
      ['other.example.org', false],
    ] as const)
      assert.equal(isOwnHost(host, ['own.example.org']), isOwn, host);
  });
});
