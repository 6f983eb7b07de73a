import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { md5Verifier } from '@sluice/wire';
import { AuthQuery } from '../../src/authentication/auth-query.ts';
import type { AuthQueryAnswer } from '../../src/authentication/auth-query.ts';

/** A database of which the test says what it answers. */
class Database {
  /** By the name in the query. */
  answer: (user: string) => AuthQueryAnswer = () => [];
  /** Each query waits for it. */
  before: () => Promise<void> = () => Promise.resolve();
  readonly queries: string[] = [];
  readonly failures: string[] = [];
  readonly query: AuthQuery;

  constructor(cacheTime = 1000, negativeCacheTime = 100) {
    this.query = new AuthQuery({
      sql: 'SELECT $1',
      run: async (sql) => {
        this.queries.push(sql);
        await this.before();
        return this.answer(/E'(.*)'/s.exec(sql)?.[1] ?? '');
      },
      cacheTime,
      negativeCacheTime,
      failed: (why) => this.failures.push(why),
    });
  }
}

const md5 = md5Verifier('ann', 'secret');

suite('AuthQuery', () => {
  test('asks once for many at once, and again after some time', async (t) => {
    const clock = t.mock.method(performance, 'now', () => 0);
    const database = new Database();
    database.answer = (user) => [[user, md5]];
    const found = await Promise.all([1, 2, 3].map(async () => database.query.lookUp('ann')));
    assert(found.every((credential) => credential?.proofs[0]?.md5 === md5));
    assert.equal(database.queries.length, 1);
    clock.mock.mockImplementation(() => 999);
    await database.query.lookUp('ann');
    assert.equal(database.queries.length, 1);
    clock.mock.mockImplementation(() => 1000);
    await database.query.lookUp('ann');
    assert.equal(database.queries.length, 2);
  });

  test('a name is a literal, whatever is in it', async () => {
    const database = new Database();
    for (const user of ["o'neil", String.raw`back\slash`, "'; DROP TABLE t; --", '$1 $& $$'])
      assert.equal(await database.query.lookUp(user), undefined);
    assert.deepEqual(database.queries, [
      "SELECT E'o''neil'",
      String.raw`SELECT E'back\\slash'`,
      "SELECT E'''; DROP TABLE t; --'",
      "SELECT E'$1 $& $$'",
    ]);
  });

  for (const [title, row] of [
    ['of another user', ['eve', md5]],
    ['without a password', ['ann', null]],
    ['with an empty password', ['ann', '']],
    ['without a name', [null, md5]],
    ['that is empty', []],
  ] as const)
    test(`a row ${title} is no user`, async () => {
      const database = new Database();
      database.answer = () => [row];
      assert.equal(await database.query.lookUp('ann'), undefined);
      assert.deepEqual(database.failures, []);
    });

  for (const secret of [md5.toUpperCase(), md5.slice(0, -1), 'SCRAM-SHA-256$4096:x'])
    test(`a broken verifier is no password: ${secret}`, async () => {
      const database = new Database();
      database.answer = () => [['ann', secret]];
      assert.equal(await database.query.lookUp('ann'), undefined);
      assert.deepEqual(database.failures, ['the verifier of user "ann" is malformed']);
    });

  test('in an outage, known users stay known, and nothing is said about others', async () => {
    const database = new Database(0, 0);
    database.answer = (user) => [[user, md5]];
    await database.query.lookUp('ann');
    database.answer = () => 'the database is down';
    const known = await database.query.lookUp('ann');
    assert.equal(known?.proofs[0]?.md5, md5);
    await assert.rejects(Promise.resolve(database.query.lookUp('eve')), {
      code: 'LOGIN_UNCHECKED',
    });
    assert.deepEqual(database.failures, ['the database is down', 'the database is down']);
  });

  test('a client that tries many names does not fill the memory', async () => {
    const database = new Database();
    database.answer = (user) => (user === 'ann' ? [[user, md5]] : []);
    await database.query.lookUp('ann');
    for (let at = 0; at < 9999; at++) await database.query.lookUp(`user ${at}`);
    assert(database.query.known('ann') !== undefined);
    assert.equal(database.query.users.length, 1);
    await database.query.lookUp('one more');
    assert.equal(database.query.known('ann'), undefined);
    assert.equal(database.query.users.length, 0);
  });

  test('a flood of unknown names does not queue without limit', async () => {
    const database = new Database(0, 0);
    database.answer = (user) => [[user, md5]];
    await database.query.lookUp('ann');
    const held = Promise.withResolvers<void>();
    database.before = () => held.promise;
    const waiting = Array.from({ length: 1000 }, async (_, at) =>
      database.query.lookUp(`user ${at}`),
    );
    await assert.rejects(Promise.resolve(database.query.lookUp('eve')), {
      code: 'LOGIN_UNCHECKED',
    });
    // A known user is admitted with the last result.
    assert.equal((await database.query.lookUp('ann'))?.proofs[0]?.md5, md5);
    assert.deepEqual(database.failures, []);
    held.resolve();
    assert.equal((await Promise.all(waiting)).length, 1000);
  });

  test('wrong passwords of one user cause few queries', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const database = new Database();
    await database.query.again('ann');
    const more = [1, 2, 3].map(() => database.query.again('ann'));
    await new Promise(setImmediate);
    assert.equal(database.queries.length, 1);
    t.mock.timers.tick(2000);
    await Promise.all(more);
    assert.equal(database.queries.length, 2);
    // Another user is another matter.
    await database.query.again('eve');
    assert.equal(database.queries.length, 3);
  });
});
