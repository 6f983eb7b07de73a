import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import pg from 'pg';
import { SluiceProcess, temporaryFolder } from './sluice-process.ts';

suite('sluice failover', () => {
  test('finds the running cluster, and a client continues', async (t) => {
    const env = { TMPDIR: temporaryFolder(t) };
    const up = new SluiceProcess(t, ['up', '--standbys', '1', '--port', '0', '--json'], { env });
    const { endpoint } = JSON.parse(await up.line(/"ready"/)) as { endpoint: { url: string } };
    const client = new pg.Client({ connectionString: endpoint.url });
    await client.connect();
    await client.query('CREATE TABLE kept AS SELECT 1 AS id');

    const failover = new SluiceProcess(t, ['failover', '--json'], { env });
    const report = JSON.parse(await failover.line(/./)) as {
      readonly kind: string;
      readonly failover: { readonly formerWriter: string; readonly writer: string };
    };
    assert.equal(await failover.exit(), 0);
    assert.equal(report.kind, 'kill');
    assert.notEqual(report.failover.writer, report.failover.formerWriter);

    await client.query('INSERT INTO kept VALUES (2)');
    assert.equal((await client.query('SELECT FROM kept')).rowCount, 2);
    await client.end();
    up.signal('SIGINT');
    assert.equal(await up.exit(), 0);
  });

  test('names the command to start if nothing runs', async (t) => {
    const failover = new SluiceProcess(t, ['failover'], { env: { TMPDIR: temporaryFolder(t) } });
    assert.equal(await failover.exit(), 1);
    assert.match(failover.stderr.join('\n'), /no `sluice up --standbys 1` is running/);
  });
});
