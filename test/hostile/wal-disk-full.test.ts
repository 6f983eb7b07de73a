import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';
import { Sluice } from '../helpers/sluice.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-wal-'));
chmodSync(folder, 0o777);
after(() => rmSync(folder, { recursive: true }));

/** The process ID of the owner of the mount namespace that the server enters, once there is one. */
const keeperFile = path.join(folder, 'holder');
const enter = `test ! -f '${keeperFile}' || exec nsenter --user --mount --preserve-credentials --target "$(cat '${keeperFile}')" unshare --user --map-user=1000 --map-group=1000 "$0" "$@"; exec "$0" "$@"`;

/** A small disk for the WAL of a server, in a mount namespace that outlives the server. */
class WalDisk {
  readonly #keeper: ChildProcess;

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  /** Moves the WAL of the stopped server. */
  static async move({ dataDir, setup }: Postgres): Promise<WalDisk> {
    const disk = path.join(folder, 'disk');
    const script = `mkdir -m 777 -p '${disk}' && mount -t tmpfs -o size=120m tmpfs '${disk}' && head -c 80m /dev/zero > '${disk}/ballast' &&
      cp -a '${dataDir}/pg_wal/.' '${disk}' && rm -r '${dataDir}/pg_wal' && ln -s '${disk}' '${dataDir}/pg_wal' &&
      echo moved && exec sleep 600`;
    const keeper = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script], {
      ...setup.account,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = (await once(keeper.stdout, 'data')) as [Buffer];
    assert.equal(String(output), 'moved\n');
    writeFileSync(keeperFile, String(keeper.pid));
    return new WalDisk(keeper);
  }

  /** Adds space. */
  grow({ setup }: Postgres): void {
    const within = ['--user', '--mount', '--preserve-credentials', '--target'];
    execFileSync(
      'nsenter',
      [...within, String(this.#keeper.pid), 'rm', path.join(folder, 'disk/ballast')],
      setup.account,
    );
  }

  async release(): Promise<void> {
    this.#keeper.kill();
    await once(this.#keeper, 'exit');
    rmSync(keeperFile);
  }
}

function hasNamespaces(): boolean {
  try {
    const all = ['--user', '--map-root-user', '--mount'];
    execFileSync('unshare', [...all, 'mount', '-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Inserts rows until the server has crashed; returns the number of acknowledged rows. */
async function fillUp(client: RawClient, isUp: () => boolean): Promise<number> {
  const filling =
    'INSERT INTO filled SELECT repeat(md5(n::text), 100) FROM generate_series(1, 500) n';
  let rows = 0;
  while (isUp()) {
    try {
      await client.rows(filling);
      rows += 500;
    } catch (error) {
      assert(error instanceof DatabaseError, String(error));
      assert.match(error.code ?? '', /^(53100|08...|57P0.)$/);
    }
  }
  return rows;
}

for (const runtime of ['node', 'bun'] as const) {
  const title = `a database that panics because the disk for its WAL is full, ${runtime}`;
  test(title, { skip: hasNamespaces() ? false : 'no mount namespaces here' }, async (t) => {
    const lines: string[] = [];
    const database = await startDatabase({
      within: ['sh', '-c', enter],
      onLog: (line) => lines.push(line),
      parameters: { max_wal_size: '4GB', checkpoint_timeout: '1h' },
    });
    t.after(() => database.stop('immediate'));
    // Not compressed, so that few statements fill the disk.
    await database.query('CREATE TABLE filled (a text)');
    await database.query('ALTER TABLE filled ALTER a SET STORAGE EXTERNAL');
    await database.shutdown();
    const disk = await WalDisk.move(database);
    t.after(() => disk.release());
    await database.start();
    const settings = { ConnectionBorrowTimeout: 1, HealthCheckInterval: 1 };
    const sluice = await Sluice.start(database, settings, runtime);
    t.after(() => sluice.kill());
    const { user, password, database: name } = database;
    const address = { host: sluice.host, port: sluice.port, user, password, database: name };
    const [client, other] = [await RawClient.login(address), await RawClient.login(address)];

    // Recovery needs space for WAL too, so the server stays down.
    const rows = await fillUp(client, () => database.pid !== undefined);
    assert(lines.some((line) => line.includes('No space left on device')));
    const lost = await sluice.logged(({ msg }) => msg.startsWith('writer lost'));
    assert.equal(lost.level, 40);
    assert.equal((await sluice.admin('/healthz')).status, 200);
    await assert.rejects(other.rows('SELECT 1'), /ERROR (08|57)/);

    disk.grow(database);
    await database.start();
    for (const each of [client, other, await RawClient.login(address)])
      await eventually(async () => assert.equal(await each.value('SELECT 1'), '1'));
    // Rows without an acknowledgement may have been committed.
    assert(Number(await other.value('SELECT count(*) FROM filled')) >= rows);
    assert.equal((await sluice.admin('/readyz')).status, 200);
    assert.equal(await sluice.stop(), 0);
  });
}
