import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { summary } from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';

/** A command that runs its arguments with a small disk, if the system permits everybody to create mount namespaces. */
function withSmallDisk(folder: string): readonly string[] {
  // It is root in the first namespace, so it may mount; PostgreSQL refuses to run as root.
  const script = `mount -t tmpfs -o size=4m tmpfs '${folder}' && exec unshare --user --map-user=1000 --map-group=1000 "$0" "$@"`;
  return ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script];
}

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-disk-'));
chmodSync(folder, 0o777);
after(() => rmSync(folder, { recursive: true }));
const within = withSmallDisk(folder);

function hasSmallDisks(): boolean {
  try {
    const [file = '', ...first] = within;
    execFileSync(file, [...first, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

if (hasSmallDisks())
  onEachRoute('a database whose disk is full', { postgres: { within } }, (route) => {
    test('refuses what needs space, and everything else continues', async (t) => {
      const { database, name } = route();
      const place = `full_${name}`;
      // The routes have one database, and a run may leave out any of them.
      if ((await database.query("SELECT FROM pg_tablespace WHERE spcname = 'small'")).length === 0)
        await database.query(`CREATE TABLESPACE small LOCATION '${folder}'`);
      await database.query(`CREATE TABLE ${place} (a text) TABLESPACE small`);
      const [client, other] = [await route().login(t), await route().login(t)];
      const filling = `INSERT INTO ${place} SELECT repeat(md5(n::text), 50) FROM generate_series(1, 4000) n`;
      await client.query('BEGIN');
      assert.match(summary(await client.query(filling)), /^E 53100 \| Z E$/);
      assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
      assert.match(summary(await other.query(filling)), /^E 53100 \| Z I$/);
      assert.equal(await client.value(`SELECT count(*) FROM ${place}`), '0');
      assert.equal(await other.value('SELECT 1'), '1');
      if (!route().isDirect) {
        assert.equal((await route().sluice.admin('/readyz')).status, 200);
        const loud = route().sluice.log.filter(({ level }) => level >= 40);
        assert.deepEqual(loud, []);
      }
      // There is space again.
      await database.query(`DROP TABLE ${place}`);
      await database.query(`CREATE TABLE ${place} (a text) TABLESPACE small`);
      assert.equal(
        summary(await client.query(`INSERT INTO ${place} VALUES ('a')`)),
        'C INSERT 0 1 | Z I',
      );
      await database.query(`DROP TABLE ${place}`);
    });
  });
else test('a database whose disk is full', { skip: 'no mount namespaces here' });
