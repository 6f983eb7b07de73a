import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Pool } from '../../src/pool/pool.ts';
import { Vacancy } from '../../src/targets/vacancy.ts';

/** A pool of clients of the database `shop`, as a vacancy sees it. */
interface FewPool {
  readonly user: string;
  readonly database: string;
  readonly sessions: number;
  readonly connections: ReadonlySet<{ isEnding: boolean }>;
  closeIdle(): number;
  grow(): void;
}

function poolOf(database: string): FewPool {
  return {
    user: 'app',
    database,
    sessions: 1,
    connections: new Set([{ isEnding: false }, { isEnding: false }]),
    closeIdle: () => 0,
    grow: () => undefined,
  };
}

/** A DROP DATABASE shop WITH (FORCE), which is about to be answered. */
async function forced(): Promise<{
  readonly vacancy: Vacancy;
  /** What is asked whether the database exists, and not answered yet. */
  readonly asked: ((exists: boolean | null) => void)[];
  readonly dropped: string[];
  readonly endings: (database: string) => boolean[];
}> {
  const pools = [poolOf('shop'), poolOf('other')];
  const asked: ((exists: boolean | null) => void)[] = [];
  const dropped: string[] = [];
  const [own] = pools;
  const vacancy = new Vacancy(
    [{ kind: 'vacates', database: 'shop', forces: true }],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a vacancy uses no more of a pool
    own as unknown as Pool,
    {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
      pools: pools as unknown as Pool[],
      leave: () => undefined,
      exists: (database, done) => {
        assert.equal(database, 'shop');
        asked.push(done);
      },
      dropped: (database) => dropped.push(database),
    },
    () => undefined,
  );
  await vacancy.start();
  const endings = (database: string): boolean[] =>
    pools
      .filter((pool) => pool.database === database)
      .flatMap(({ connections }) => [...connections].map(({ isEnding }) => isEnding));
  return { vacancy, asked, dropped, endings };
}

suite('a DROP DATABASE WITH (FORCE)', () => {
  test('the connections are ending until it is known that the database is gone', async () => {
    const { vacancy, asked, dropped, endings } = await forced();
    assert.deepEqual(
      [endings('shop'), endings('other')],
      [
        [true, true],
        [false, false],
      ],
    );
    vacancy.release();
    assert.deepEqual(endings('shop'), [true, true]);
    assert.deepEqual(dropped, []);
    asked.pop()?.(false);
    assert.deepEqual(dropped, ['shop']);
    assert.deepEqual(endings('shop'), [false, false]);
  });

  test('the clients stay if the statement has failed', async () => {
    const { vacancy, asked, dropped, endings } = await forced();
    vacancy.release();
    asked.pop()?.(true);
    assert.deepEqual(dropped, []);
    assert.deepEqual(endings('shop'), [false, false]);
  });

  test('the database is checked again while no server can answer', async (t) => {
    const { vacancy, asked, dropped, endings } = await forced();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    vacancy.release();
    for (let check = 0; check < 3; check++) {
      asked.pop()?.(null);
      assert.equal(asked.length, 0);
      assert.deepEqual(endings('shop'), [true, true]);
      t.mock.timers.tick(100);
      assert.equal(asked.length, 1);
    }
    asked.pop()?.(false);
    assert.deepEqual(dropped, ['shop']);
  });

  test('the checks end', async (t) => {
    const { vacancy, asked, dropped, endings } = await forced();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    vacancy.release();
    let checks = 0;
    for (; asked.length > 0; checks++) {
      asked.pop()?.(null);
      t.mock.timers.tick(100);
    }
    assert.equal(checks, 50);
    assert.deepEqual(dropped, []);
    assert.deepEqual(endings('shop'), [false, false]);
  });
});
