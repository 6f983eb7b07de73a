import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  copyData,
  copyDone,
  copyFail,
  execute,
  flush,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';

onEachRoute('copy', { settings: { PoolSize: 3 } }, (route) => {
  test('out, with a simple query', async (t) => {
    const client = await route().login(t);
    assert.equal(
      summary(await client.query('COPY (SELECT x, x * 2 FROM generate_series(1, 3) x) TO STDOUT')),
      'H | d 1\t2 | d 2\t4 | d 3\t6 | c | C COPY 3 | Z I',
    );
  });

  test('out, with an extended query, followed by another statement', async (t) => {
    const client = await route().login(t);
    client.send(
      parse('', 'COPY (SELECT 7) TO STDOUT'),
      bind(''),
      execute(),
      parse('', 'SELECT 8'),
      bind(''),
      execute(),
      sync,
    );
    assert.equal(
      summary(await client.ready()),
      '1 | 2 | H | d 7 | c | C COPY 1 | 1 | 2 | D 8 | C SELECT 1 | Z I',
    );
  });

  test('an error in the middle of a copy out', async (t) => {
    const client = await route().login(t);
    assert.equal(
      summary(
        await client.query('COPY (SELECT 1 / (3 - x) FROM generate_series(1, 5) x) TO STDOUT'),
      ),
      'H | d 0 | d 1 | E 22012 | Z I',
    );
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('in, with a simple query, between other statements', async (t) => {
    const client = await route().login(t);
    client.send(
      query(
        'BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP; COPY box FROM STDIN; SELECT sum(id) FROM box',
      ),
    );
    assert.equal(summary(await client.until('G')), 'C BEGIN | C CREATE TABLE | G');
    client.send(copyData('1\n2\n'), copyData('3\n'), copyDone);
    assert.equal(summary(await client.ready()), 'C COPY 3 | T | D 6 | C SELECT 1 | Z T');
    assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
  });

  test('in, with an extended query', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(parse('', 'COPY box FROM STDIN'), bind(''), execute(), flush);
    assert.equal(summary(await client.until('G')), '1 | 2 | G');
    // Flush and Sync are ignored while the copy runs.
    client.send(copyData('1\n'), flush, sync, copyData('2\n'), copyDone, sync);
    assert.equal(summary(await client.ready()), 'C COPY 2 | Z T');
    assert.equal(await client.value('SELECT sum(id) FROM box'), '3');
    await client.query('ROLLBACK');
  });

  test('in, all of it sent without waiting', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(
      query('COPY box FROM STDIN'),
      copyData('1\n'),
      copyDone,
      query('SELECT count(*) FROM box'),
      query('ROLLBACK'),
    );
    assert.equal(summary(await client.ready()), 'G | C COPY 1 | Z T');
    assert.equal(summary(await client.ready()), 'T | D 1 | C SELECT 1 | Z T');
    assert.equal(summary(await client.ready()), 'C ROLLBACK | Z I');
  });

  test('in, aborted by the client', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(query('COPY box FROM STDIN'));
    await client.until('G');
    client.send(copyData('1\n'), copyFail('changed my mind'));
    assert.equal(summary(await client.ready()), 'E 57014 | Z E');
    assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
  });

  test("in, refused by the database; the rest of the client's data is ignored", async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(query('COPY box FROM STDIN'));
    await client.until('G');
    client.send(copyData('not a number\n'), copyData('2\n'), copyData('3\n'), copyDone);
    assert.equal(summary(await client.ready()), 'E 22P02 | Z E');
    assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('in, refused by the database while much more data is on its way', async (t) => {
    const client = await route().login(t);
    // The first row is processed for so long that every buffer up to the database fills up.
    await client.query('CREATE TABLE IF NOT EXISTS bin (v text CHECK (pg_sleep(0.5) IS NULL))');
    client.send(query('COPY bin FROM STDIN'));
    await client.until('G');
    const rows = Array.from({ length: 24 * 1024 }, () => copyData(`${'x'.repeat(1018)}\n`));
    client.send(...rows, copyDone, query('SELECT 1'));
    assert.equal(summary(await client.ready()), 'E 23514 | Z I');
    assert.equal(summary(await client.ready()), 'T | D 1 | C SELECT 1 | Z I');
  });

  test('in, with an extended query, refused by the database', async (t) => {
    const client = await route().login(t);
    await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
    client.send(parse('', 'COPY box FROM STDIN'), bind(''), execute(), flush);
    await client.until('G');
    client.send(copyData('bad\n'), copyData('2\n'), copyDone, sync);
    assert.equal(summary(await client.ready()), 'E 22P02 | Z E');
    await client.query('ROLLBACK');
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('in, into a table that does not exist, followed by its data', async (t) => {
    const client = await route().login(t);
    client.send(query('COPY nowhere FROM STDIN'), copyData('1\n'), copyDone);
    assert.equal(summary(await client.ready()), 'E 42P01 | Z I');
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('two copies in one query', async (t) => {
    const client = await route().login(t);
    assert.equal(
      summary(await client.query('COPY (SELECT 1) TO STDOUT; COPY (SELECT 2) TO STDOUT')),
      'H | d 1 | c | C COPY 1 | H | d 2 | c | C COPY 1 | Z I',
    );
  });
});
