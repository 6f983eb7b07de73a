import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { Client } from 'pg';
import { requirePgbench } from '../../bench/pgbench.ts';
import { withStage } from '../../bench/stage.ts';

const hasPgbench = await requirePgbench().then(
  () => true,
  () => false,
);

test(
  'the stage of the benchmark has a filled database, and leaves nothing behind after an error',
  { skip: hasPgbench ? false : 'no pgbench here' },
  async () => {
    const failed = new Error('the measurement failed');
    const left: string[] = [];
    await assert.rejects(
      withStage(3, new AbortController().signal, async ({ setup, socketDirectory, version }) => {
        const { postgres, verifier, folder, certFile, keyFile } = setup;
        left.push(folder);
        await Promise.all([certFile, keyFile].map((file) => access(file)));
        assert.match(verifier, /^SCRAM-SHA-256\$3:/);
        assert.ok(existsSync(path.join(socketDirectory, `.s.PGSQL.${postgres.port}`)));
        const { user, password, database, port } = postgres;
        const client = new Client({ host: socketDirectory, port, user, password, database });
        await client.connect();
        const { rows } = await client.query<{ accounts: string; version: string }>(
          `SELECT count(*) AS accounts, current_setting('server_version') AS version FROM pgbench_accounts`,
        );
        await client.end();
        assert.deepEqual(rows, [{ accounts: '1000000', version }]);
        throw failed;
      }),
      failed,
    );
    assert.equal(left.length, 1);
    for (const folder of left) assert.ok(!existsSync(folder));
  },
);
