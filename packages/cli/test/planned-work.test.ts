import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import pg from 'pg';
import { SluiceProcess, temporaryFolder } from './sluice-process.ts';

suite('pause, resume and drain', () => {
  test('keep clients waiting without an error, and report the state', async (t) => {
    const env = { TMPDIR: temporaryFolder(t) };
    const up = new SluiceProcess(t, ['up', '--port', '0', '--json'], { env });
    const { endpoint, admin } = JSON.parse(await up.line(/"ready"/)) as {
      readonly endpoint: { readonly url: string };
      readonly admin: { readonly url: string };
    };
    const client = new pg.Client({ connectionString: endpoint.url });
    await client.connect();
    const say = async (...words: readonly string[]): Promise<[number | null, string]> => {
      const command = new SluiceProcess(t, [...words, '--admin', admin.url], { env });
      const code = await command.exit();
      return [code, [...command.stdout, ...command.stderr].join('\n')];
    };

    await client.query('BEGIN');
    const [busy, still] = await say('pause', '--timeout', '0');
    assert.equal(busy, 1);
    assert.match(still, /still run/);
    await client.query('COMMIT');
    assert.deepEqual((await say('pause'))[0], 0);
    const held = client.query('SELECT 1');
    assert.equal((await say('resume'))[0], 0);
    assert.equal((await held).rowCount, 1);

    const [missing, message] = await say('drain', 'nobody');
    assert.equal(missing, 1);
    const target = /the targets are (\S+)/.exec(message)?.[1] ?? '';
    assert.equal((await say('drain', target))[0], 0);
    const alsoHeld = client.query('SELECT 1');
    assert.equal((await say('resume', target))[0], 0);
    assert.equal((await alsoHeld).rowCount, 1);
    await client.end();
    await up.stop('SIGINT');
  });
});
