import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { loadParser } from '@sluice/proxy/sql';
import { analyseTrace, analyseWorkload } from '../src/claims/pinning.ts';
import { judgeStatement } from '../src/pinning/tally.ts';
import { probes } from '../src/pinning/probes.ts';
import { formOf } from '../src/pinning/trace.ts';
import { readWorkload } from '../src/workload/read-workload.ts';
import { Workload } from '../src/workload/workload.ts';

/** A statement, and the verdicts of RDS Proxy, PgBouncer and Sluice. */
const verdicts: readonly (readonly [
  text: string,
  rds: string,
  pgbouncer: string,
  sluice: string,
])[] = [
  ['SELECT 1', 'nothing', 'nothing', 'nothing'],
  ['INSERT INTO t VALUES (1)', 'nothing', 'nothing', 'nothing'],
  ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'nothing', 'nothing', 'nothing'],
  ["SET work_mem = '64MB'", 'pins', 'loses', 'tracks'],
  ["SET timezone = 'UTC'", 'pins', 'nothing', 'tracks'],
  ["SET application_name = 'x'", 'pins', 'nothing', 'tracks'],
  ['RESET ALL', 'pins', 'misses', 'tracks'],
  ["SELECT set_config('app.tenant', '1', false)", 'pins', 'loses', 'tracks'],
  ['SELECT set_config($1, $2, $3)', 'pins', 'loses', 'tracks'],
  ["SELECT set_config('app.tenant', '1', true)", 'may pin', 'nothing', 'nothing'],
  ["SET LOCAL work_mem = '64MB'", 'may pin', 'nothing', 'nothing'],
  ['SET ROLE reporting', 'pins', 'loses', 'tracks'],
  ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'pins', 'loses', 'tracks'],
  ['PREPARE p AS SELECT 1', 'pins', 'breaks', 'tracks'],
  ['EXECUTE p', 'pins', 'breaks', 'tracks'],
  ['DEALLOCATE p', 'pins', 'breaks', 'tracks'],
  ['DEALLOCATE ALL', 'pins', 'nothing', 'tracks'],
  ['DISCARD ALL', 'pins', 'misses', 'tracks'],
  ['CREATE TEMP TABLE t (n int)', 'pins', 'loses', 'pins'],
  ['CREATE TEMPORARY TABLE t (n int) ON COMMIT DROP', 'pins', 'nothing', 'nothing'],
  ['SELECT 1 AS n INTO TEMP t', 'pins', 'loses', 'pins'],
  ['DECLARE c CURSOR FOR SELECT 1', 'pins', 'nothing', 'nothing'],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'pins', 'loses', 'pins'],
  ['LISTEN jobs', 'pins', 'loses', 'tracks'],
  ["LOAD 'auto_explain'", 'pins', 'loses', 'pins'],
  ["SELECT nextval('s')", 'pins', 'nothing', 'nothing'],
  ["SELECT currval('s')", 'nothing', 'loses', 'may pin'],
  ['SELECT pg_advisory_lock(1)', 'pins', 'loses', 'pins'],
  ['SELECT pg_try_advisory_lock(1)', 'pins', 'loses', 'pins'],
  ['SELECT pg_advisory_xact_lock(1)', 'nothing', 'nothing', 'nothing'],
  ['SELECT pg_advisory_unlock(1)', 'nothing', 'misses', 'nothing'],
  [`SELECT '${'x'.repeat(16_385)}'`, 'pins', 'nothing', 'nothing'],
  [`SELECT '${'x'.repeat(16_000)}'`, 'nothing', 'nothing', 'nothing'],
  ['CALL work()', 'not seen', 'not seen', 'checks'],
  ['set search_path = $1; set names $2;', 'pins', 'loses', 'tracks'],
];

async function traceFile(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-prove-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'trace');
  await writeFile(file, text);
  return file;
}

suite('the verdicts of poolers about a statement', () => {
  before(loadParser);

  for (const [text, rds, pgbouncer, sluice] of verdicts) {
    const shown = text.length > 60 ? `${text.slice(0, 20)}… (${text.length} bytes)` : text;
    test(shown, () => {
      const verdict = judgeStatement(text);
      assert.deepEqual(
        [verdict.rdsProxy.effect, verdict.pgbouncer.effect, verdict.sluice.effect],
        [rds, pgbouncer, sluice],
      );
      for (const { effect, why } of Object.values(verdict))
        assert.equal(why === '', effect === 'nothing');
    });
  }

  test('the workload orm contains the statements that poolers have problems with', () => {
    const { entries, statements } = analyseWorkload(new Workload(readWorkload('orm'), 's'));
    assert(entries.some(({ rdsProxy }) => rdsProxy.effect === 'pins'));
    assert(entries.some(({ pgbouncer }) => pgbouncer.effect === 'loses'));
    assert(entries.every(({ sluice }) => sluice.effect !== 'pins'));
    assert(statements > 300);
  });
});

/** The same four statements of two sessions in each supported format. */
const recorded = {
  stderr: `2026-11-01 10:00:00.000 UTC [101] LOG:  statement: SET work_mem = '64MB'
2026-11-01 10:00:00.001 UTC [101] LOG:  execute <unnamed>: SELECT *
	FROM t
	WHERE id = $1
2026-11-01 10:00:00.001 UTC [101] DETAIL:  parameters: $1 = '1'
2026-11-01 10:00:00.002 UTC [102] LOG:  duration: 0.120 ms  statement: SELECT 1
2026-11-01 10:00:00.003 UTC [102] LOG:  duration: 0.100 ms  execute S_1: SELECT 2
2026-11-01 10:00:00.004 UTC [102] LOG:  disconnection: session time: 0:00:00.010
`,
  csvlog: `2026-11-01 10:00:00.000 UTC,"app","shop",101,"10.0.0.1:1",6905.65,1,"SET",2026-11-01 10:00:00 UTC,3/4,0,LOG,00000,"statement: SET work_mem = '64MB'",,,,,,,,,"app","client backend",,0
2026-11-01 10:00:00.001 UTC,"app","shop",101,"10.0.0.1:1",6905.65,2,"SELECT",2026-11-01 10:00:00 UTC,3/5,0,LOG,00000,"execute <unnamed>: SELECT *
FROM t
WHERE id = $1","parameters: $1 = '1'",,,,,,,,"app","client backend",,0
2026-11-01 10:00:00.002 UTC,"app","shop",102,"10.0.0.1:2",6905.66,1,"SELECT",2026-11-01 10:00:00 UTC,4/5,0,LOG,00000,"duration: 0.120 ms  statement: SELECT 1",,,,,,,,,"app","client backend",,0
2026-11-01 10:00:00.003 UTC,"app","shop",102,"10.0.0.1:2",6905.66,2,"SELECT",2026-11-01 10:00:00 UTC,4/6,0,LOG,00000,"execute S_1: SELECT 2",,,,,,,,,"app","client backend",,0
`,
  jsonlog: `{"timestamp":"2026-11-01 10:00:00.000 UTC","pid":101,"session_id":"6905.65","message":"statement: SET work_mem = '64MB'"}
{"timestamp":"2026-11-01 10:00:00.001 UTC","pid":101,"session_id":"6905.65","message":"execute <unnamed>: SELECT *\\nFROM t\\nWHERE id = $1"}
{"timestamp":"2026-11-01 10:00:00.002 UTC","pid":102,"session_id":"6905.66","message":"duration: 0.120 ms  statement: SELECT 1"}
{"timestamp":"2026-11-01 10:00:00.003 UTC","pid":102,"session_id":"6905.66","message":"execute S_1: SELECT 2"}
`,
} as const;

suite('recorded traces', () => {
  for (const [form, text] of Object.entries(recorded)) {
    test(`${form} is detected by its beginning, and read completely`, async (t) => {
      const file = await traceFile(t, text);
      assert.equal(await formOf(file), form);
      const { statements, unread, entries, sessions } = await analyseTrace(file);
      assert.deepEqual([statements, unread], [4, 0]);
      assert.deepEqual(
        entries.map((entry) => [entry.statement, entry.count, entry.share]),
        [["set work_mem = '?'", 1, 0.25]],
      );
      assert.deepEqual(sessions, {
        seen: 2,
        pinnedOnRdsProxy: 1,
        losingOnPgbouncer: 1,
        pinnedOnSluice: 0,
      });
    });
  }

  test('the statements of sluice prove itself are omitted', async (t) => {
    const own = probes.flatMap(({ leave, clear }) => [leave, clear]);
    const file = await traceFile(
      t,
      [...own, 'SELECT 1 FROM made_by_a_run.customers', 'SET a.b = 1']
        .map((text) => `2026-11-01 10:00:00.000 UTC [101] LOG:  statement: ${text}\n`)
        .join(''),
    );
    const { statements, entries } = await analyseTrace(file, { ownSchema: 'made_by_a_run' });
    assert.equal(statements, 1);
    assert.deepEqual(
      entries.map(({ statement }) => statement),
      ['set a.b = ?'],
    );
  });

  test('an export of pg_stat_statements counts calls', async (t) => {
    const file = await traceFile(
      t,
      'query,calls\n"SELECT $1",90\n"SELECT pg_advisory_lock($1)",10\n',
    );
    assert.equal(await formOf(file), 'pg_stat_statements');
    const { statements, entries, sessions } = await analyseTrace(file);
    assert.equal(statements, 100);
    assert.equal(sessions, null);
    assert.deepEqual(
      entries.map(({ share, sluice }) => [share, sluice.effect]),
      [[0.1, 'pins']],
    );
  });

  test('the log of RDS Proxy contains its own pins', async (t) => {
    const pin = (connection: number): string =>
      `2026-11-01T10:00:00.000Z [WARN] [proxyEndpoint=default] [clientConnection=${connection}] The client session was pinned to the server connection [dbConnection=7] for the remainder of the session. The proxy can't reuse this connection until the session ends. Reason: SQL changed session settings that the proxy doesn't track. Consider moving session configuration to the proxy's initialization query. Digest: "set search_path to $1,$2".\n`;
    const file = await traceFile(
      t,
      pin(1) +
        pin(2) +
        '2026-11-01T10:00:01.000Z [INFO] [proxyEndpoint=default] [clientConnection=3] A new client connected.\n',
    );
    const { observed, sessions, entries } = await analyseTrace(file);
    assert.deepEqual(observed, [
      {
        reason: "SQL changed session settings that the proxy doesn't track.",
        digest: 'set search_path to $1,$2',
        count: 2,
      },
    ]);
    assert.equal(sessions?.pinnedOnRdsProxy, 2);
    assert.equal(entries[0]?.rdsProxy.effect, 'pins');
  });

  test('a file of an unknown format is refused with the list of known ones', async (t) => {
    const file = await traceFile(t, 'hello\n');
    await assert.rejects(formOf(file), /format of the trace .* is unknown; it must be one of/);
    await assert.rejects(formOf('/nowhere'), /cannot be read/);
  });
});
