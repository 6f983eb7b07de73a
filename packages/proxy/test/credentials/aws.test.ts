import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import { IamTokens } from '../../src/credentials/iam-tokens.ts';
import { startProxy } from '../../src/proxy.ts';
import { createSettings } from '../../src/settings/index.ts';

/** The modules of the AWS SDK that this process has loaded; all of them are CommonJS. */
function loaded(): string[] {
  const { cache } = createRequire(import.meta.url);
  return Object.keys(cache).filter((file) => /node_modules\/@(?:aws-sdk|smithy)\//.test(file));
}

suite('AWS', () => {
  test('without AWS settings a proxy starts without the AWS SDK', async () => {
    const proxy = await startProxy(
      createSettings({
        ListenPort: 0,
        AdminPort: 0,
        TargetHost: '127.0.0.1',
        Users: [{ UserName: 'app', Password: 'x' }],
        LogLevel: 'fatal',
      }),
    );
    await proxy.stop();
    assert.deepEqual(loaded(), []);
  });

  test('a token is for one user of one database, and is renewed before it expires', async (t) => {
    const before = { ...process.env };
    t.after(() => {
      process.env = before;
    });
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
    const tokens = new IamTokens();
    t.after(() => tokens.close());
    const address = { host: 'orders.abc.eu-central-1.rds.amazonaws.com', port: 5432 };
    // The SDK is loaded with the real clock.
    await tokens.token('first', address);
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 0, 1) });
    const first = new URL(`https://${await tokens.token('app', address)}`);
    assert.equal(first.host, `${address.host}:5432`);
    assert.equal(first.searchParams.get('Action'), 'connect');
    assert.equal(first.searchParams.get('DBUser'), 'app');
    assert.equal(first.searchParams.get('X-Amz-Expires'), '900');
    assert.match(first.searchParams.get('X-Amz-Credential') ?? '', /\/eu-central-1\/rds-db\//);

    // The access key identifies the token.
    process.env['AWS_ACCESS_KEY_ID'] = 'later';
    const signer = (text: string | undefined): string | undefined =>
      new URL(`https://${text}`).searchParams.get('X-Amz-Credential')?.split('/')[0];
    const signedBy = async (): Promise<string | undefined> =>
      signer(await tokens.token('app', address));
    t.mock.timers.tick(10 * 60_000 - 1);
    assert.equal(await signedBy(), 'testing');
    const other = new URL(`https://${await tokens.token('other', address)}`);
    assert.equal(other.searchParams.get('DBUser'), 'other');
    // Renewed in the background: in the meantime callers get the old one without waiting.
    t.mock.timers.tick(1);
    assert.equal(signer(tokens.now('app', address)), 'testing');
    while (signer(tokens.now('app', address)) === 'testing')
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await signedBy(), 'later');
    // An unused token is not renewed, and not used when it is too old.
    t.mock.timers.tick(25 * 60_000);
    process.env['AWS_ACCESS_KEY_ID'] = 'last';
    assert.equal(await signedBy(), 'last');
  });
});
