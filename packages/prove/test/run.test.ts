import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Value } from 'typebox/value';
import { compareReports } from '../src/compare/index.ts';
import { rampLimit, stepsUpTo } from '../src/claims/scalability.ts';
import { Control } from '../src/database/control.ts';
import { commandPlan } from '../src/failover-plan.ts';
import { htmlReport } from '../src/html/html-report.ts';
import { givenPaths, parseThrough, withoutPassword } from '../src/paths.ts';
import { ProxyProcess } from '../src/stage/index.ts';
import type { Report } from '../src/report/schema.ts';
import { reportSchema } from '../src/report/schema.ts';
import { summaryOf } from '../src/report/summary.ts';
import { startDatabase } from '../../../test/helpers/database.ts';
import { proveOptions, runProve } from './helpers/run-prove.ts';

/** A password that would be found in any text: one that a URL encodes would not. */
const known = { user: 'postgres', password: 'secret', database: 'postgres' };

// Concurrently: each has its own database, and mostly waits.
suite('a run on a given database', { timeout: 300_000, concurrency: 3 }, () => {
  test('never exceeds its limits, leaves nothing, and its report conforms to the schema', async (t) => {
    const postgres = await startDatabase({ ...known, maxConnections: 60 });
    t.after(() => postgres.stop('immediate'));
    const { user, password, host, port } = postgres;
    const sluice = await ProxyProcess.start({
      TargetHost: host,
      TargetPort: port,
      TargetTlsMode: 'disable',
      PoolSize: 5,
      Users: [{ UserName: user, Password: password }],
    });
    t.after(() => sluice.stop());
    let most = 0;
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        const [row] = await postgres.query<{ count: number }>(
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
        most = Math.max(most, row?.count ?? 0);
        await delay(20);
      }
    })();
    const report = await runProve({
      direct: postgres.url,
      through: [
        { name: 'sluice', url: `postgres://${user}:${password}@127.0.0.1:${sluice.port}/postgres` },
      ],
      only: ['scalability', 'performance', 'pinning'],
      maxClients: 12,
      maxRate: 40,
      rates: [20, 40],
      rounds: 2,
      seconds: 0.5,
    }).finally(() => over.abort());
    await watching;
    // 12 direct clients, the control connection, and those of Sluice: 5, and those of its health checks.
    assert(most <= 12 + 1 + 8, `${most} connections`);
    for (const load of report.performance?.steady ?? []) assert(load.rate <= 40);
    for (const { throughput } of report.scalability?.paths.flatMap(({ steps }) => steps) ?? [])
      assert(throughput <= 40 * 1.5, `${throughput}/s`);
    assert.deepEqual(Value.Errors(reportSchema, JSON.parse(JSON.stringify(report))), []);
    const left = await postgres.query("SELECT FROM pg_namespace WHERE nspname = 'sluice_prove'");
    assert.equal(left.length, 0);
    assert(!JSON.stringify(report).includes(password), 'the password is in the report');
    assert(!htmlReport(report).includes(password), 'the password is in the page');
    const kept = report.pinning?.measured.filter(({ path }) => path === 'sluice');
    assert(
      kept?.every((each) => each.kept && !each.seenByOthers),
      JSON.stringify(kept),
    );
    for (const line of summaryOf(report).split('\n')) assert(line.length <= 79, line);
  });

  test('drops what killed runs left, respects running ones, and does not touch anything else', async (t) => {
    const postgres = await startDatabase(known);
    t.after(() => postgres.stop('immediate'));
    const url = (): string => postgres.url;
    const [first, other, second] = await Promise.all(
      ['sluice_prove', 'another', 'sluice_prove'].map((schema) => Control.connect(url, schema)),
    );
    assert(first !== undefined && other !== undefined && second !== undefined);
    await first.createSchema();
    await other.createSchema();
    const running = { schema: 'sluice_prove', isRunning: true };
    const others = { schema: 'another', isRunning: true };
    const found = async (): Promise<unknown> =>
      (await second.findEarlierRuns()).toSorted((a, b) => b.schema.localeCompare(a.schema, 'en'));
    assert.deepEqual(await found(), [running, others]);
    // As if they were killed: nothing is cleaned up, and there are no more heartbeats.
    await first.end();
    await other.end();
    assert.deepEqual(await found(), [
      { ...running, isRunning: false },
      { ...others, isRunning: false },
    ]);
    await second.createSchema(['another']);
    await second.dropSchema();
    assert.deepEqual(await found(), []);
    await postgres.query('CREATE SCHEMA sluice_prove');
    await assert.rejects(
      second.findEarlierRuns(),
      /that sluice prove did not make; choose another name/,
    );
    await second.end();
  });

  test('a claim that cannot be measured is reported, and the others are measured', async (t) => {
    const postgres = await startDatabase(known);
    t.after(() => postgres.stop('immediate'));
    const report = await runProve({
      direct: postgres.url,
      only: ['availability', 'pinning'],
      failoverCommand: 'echo no such instance. >&2; exit 3',
    });
    assert.equal(report.isComplete, false);
    assert(report.pinning !== undefined && report.availability === undefined);
    assert(
      report.findings.some(({ sentence }) => /exit code 3.*no such instance\.$/.test(sentence)),
    );
  });

  test('availability without a way to fail over is a caveat', async (t) => {
    const postgres = await startDatabase(known);
    t.after(() => postgres.stop('immediate'));
    const { findings } = await runProve({ direct: postgres.url, only: ['availability'] });
    assert(findings.some(({ sentence }) => sentence.includes('--failover-command')));
  });
});

suite('paths and limits', () => {
  test('a proxy has the name in front of its URL', () => {
    assert.deepEqual(parseThrough('rds=postgres://u:p@h/d?a=b'), {
      name: 'rds',
      url: 'postgres://u:p@h/d?a=b',
    });
    assert.deepEqual(parseThrough('postgres://u:p=q@h/d'), {
      name: 'proxy',
      url: 'postgres://u:p=q@h/d',
    });
  });

  test('two paths with one name, and an invalid URL, are refused without showing a password', () => {
    const through = [parseThrough('postgres://u:p@h/d'), parseThrough('postgres://u:p@i/d')];
    assert.throws(() => givenPaths({ direct: undefined, through }), /two paths are called "proxy"/);
    assert.throws(
      () => givenPaths({ direct: 'mysql://u:secret@h/d', through: [] }),
      (error: Error) => !error.message.includes('secret') && error.message.includes('--direct'),
    );
    assert.equal(withoutPassword('postgres://u:secret@h:5/d?password=x'), 'postgres://u@h:5/d');
  });

  test('a ramp goes 10, 20, 50, … up to its limit', () => {
    assert.deepEqual(stepsUpTo(120), [10, 20, 50, 100, 120]);
    assert.deepEqual(stepsUpTo(10), [10]);
    assert.deepEqual(stepsUpTo(5), [5]);
  });

  test('the clients and requests of a failover keep to the limits, all kinds together', () => {
    for (const [maxClients, maxRate] of [
      [2, 1],
      [7, 200],
      [100, 200],
      [1000, 1600],
    ] as const) {
      const plan = commandPlan(
        proveOptions({ failoverRate: 200 }),
        { maxClients, maxRate, isClientLimitGiven: true },
        'true',
        new AbortController().signal,
      );
      assert(plan.writesPerSecond + plan.readsPerSecond <= maxRate, `${maxRate}/s`);
      assert(plan.connections > 0 && plan.connections + plan.idleClients <= maxClients);
    }
  });

  test('a direct path to a user’s database leaves connections for others, unless a limit is given', () => {
    const facts = {
      version: '18',
      maxConnections: 100,
      reservedConnections: 3,
      connections: 47,
      hasStatements: false,
      isLocal: false,
    };
    const direct = { name: 'direct', kind: 'direct', url: () => '', shown: '' } as const;
    const limits = { maxClients: 100, maxRate: 1, isClientLimitGiven: false };
    assert.equal(rampLimit({ limits, facts, testkit: undefined }, direct).clients, 40);
    assert.equal(
      rampLimit({ limits, facts, testkit: undefined }, { ...direct, kind: 'proxy' }).clients,
      100,
    );
    const options = { ...limits, isClientLimitGiven: true };
    assert.equal(rampLimit({ limits: options, facts, testkit: undefined }, direct).clients, 100);
  });
});

/** A report with one load, whose rounds have this p50. */
function reportOf(
  p50: readonly number[],
  direct: readonly number[] = [1, 1, 1, 1, 1],
  lost = 0,
): Report {
  const generator = { busy: 0.1, cpu: 0.1, lagP50: 0, lagP99: 0, lagMax: 0, limit: null };
  const load = (
    path: string,
    values: readonly number[],
  ): NonNullable<Report['performance']>['steady'][number] => ({
    path,
    rate: 100,
    latency: null,
    curve: [],
    connectCurve: [],
    rounds: values.map((value) => ({
      asked: 100,
      answered: 100,
      unanswered: 0,
      failed: {},
      throughput: 100,
      isOverrun: false,
      latency: {
        count: 100,
        mean: value,
        p50: value,
        p90: value,
        p99: value * 2,
        p999: null,
        max: value * 3,
      },
      service: null,
      connect: null,
      generator,
    })),
  });
  const kind = { asked: 1, succeeded: 1, held: 0, retried: 0, failed: {} };
  return {
    format: 'sluice-prove',
    version: 1,
    startedAt: '2026-11-01T10:00:00.000Z',
    seconds: 1,
    sluice: '0.1.0',
    isComplete: true,
    machine: { cores: 2, cpu: 'x', memoryBytes: 1, kernel: 'Linux 6', loadBefore: 0, node: '24' },
    database: {
      version: '18',
      maxConnections: 100,
      reservedConnections: 3,
      connections: 0,
      hasStatements: false,
      isLocal: true,
    },
    isLab: true,
    settings: {},
    paths: [
      { name: 'direct', kind: 'direct', url: 'x' },
      { name: 'sluice', kind: 'proxy', url: 'y' },
    ],
    workload: { name: 'web' },
    findings: [],
    performance: {
      clients: 20,
      secondsPerRound: 1,
      steady: [load('direct', direct), load('sluice', p50)],
      connecting: [],
      database: [],
    },
    availability: {
      trigger: 'kill',
      writesPerSecond: 1,
      readsPerSecond: 1,
      cuts: [],
      publishedClaim: 0.66,
      rounds: [
        {
          faultAtMs: 0,
          promotionMs: null,
          lanes: [
            {
              path: 'sluice',
              gapMs: 10,
              readGapMs: 10,
              afterPromotionMs: null,
              writes: kind,
              reads: kind,
              rows: { acknowledged: 10, lost, doubled: 0 },
              idle: { clients: 0, survived: 0, lost: 0 },
              timeline: [],
            },
          ],
        },
      ],
    },
  };
}

suite('a summary', () => {
  const pinning = {
    source: 'a log of PostgreSQL',
    statements: 0,
    unread: 0,
    sessions: null,
    entries: [],
    observed: [],
    measured: [],
  };

  test('names the statements of each claim', () => {
    const report = reportOf([1, 1, 1, 1, 1]);
    assert.match(summaryOf(report), /^Workload web$/m);
    assert.match(
      summaryOf({ ...report, pinning }),
      /^Workload web; for pinning, a log of PostgreSQL$/m,
    );
    const { performance: _, ...withoutLoad } = report;
    assert.match(summaryOf({ ...withoutLoad, pinning }), /^A log of PostgreSQL$/m);
  });
});

test('no line of a summary ends between a number and its unit', () => {
  const sentence = 'It takes 95 % of 100 ms, 12 MB and 2.5 s, which is '.repeat(20);
  const finding = { claim: 'pinning', kind: 'measured', isHeadline: true, sentence } as const;
  const lines = summaryOf({ ...reportOf([1, 1, 1, 1, 1]), findings: [finding] }).split('\n');
  assert(lines.length > 10);
  for (const line of lines) {
    assert(line.length <= 79, line);
    assert.doesNotMatch(line, /^\s*(%|ms|MB|s)[ ,]|\u00A0/);
  }
});

suite('comparing two reports', () => {
  const calm = [2, 2.05, 1.95, 2.02, 1.98];
  const times = (factor: number): number[] => calm.map((value) => value * factor);
  const compare = (after: Report, isRelative = false): ReturnType<typeof compareReports> =>
    compareReports(reportOf(calm), after, { threshold: 0.1, isRelative });
  const verdict = (
    comparison: ReturnType<typeof compareReports>,
    name = 'p50 at 100/s',
  ): string | undefined =>
    comparison.changes.find((change) => change.path === 'sluice' && change.name === name)?.verdict;

  for (const [what, factor, expected] of [
    ['the same', 1, 'no difference'],
    ['8 % slower', 1.08, 'worse'],
    ['30 % slower', 1.3, 'regression'],
    ['30 % faster', 0.7, 'better'],
  ] as const) {
    test(`${what} is ${expected}`, () => {
      const comparison = compare(reportOf(times(factor)));
      assert.equal(verdict(comparison), expected);
      assert.equal(comparison.hasRegression, expected === 'regression');
    });
  }

  test('a slowdown within the noise, or with too few rounds, is no regression', () => {
    assert.equal(verdict(compare(reportOf([1.2, 3.9, 2.4, 1.9, 3]))), 'no difference');
    assert.equal(verdict(compare(reportOf([4, 4, 4]))), 'not supported');
  });

  test('relative to direct, a slower machine is no regression, but a slower proxy is one', () => {
    const slower = reportOf(times(3), [3, 3, 3, 3, 3]);
    assert.equal(verdict(compare(slower)), 'regression');
    assert.equal(verdict(compare(slower, true)), 'no difference');
    assert.equal(verdict(compare(reportOf(times(2)), true)), 'regression');
  });

  test('a lost row is a regression, whatever the threshold', () => {
    const comparison = compare(reportOf(calm, undefined, 1));
    assert.equal(verdict(comparison, 'rows lost'), 'regression');
    assert(comparison.hasRegression);
  });

  test('differences in how they were made are reported', () => {
    const after = { ...reportOf(calm), workload: { name: 'orm' } };
    assert.match(compare(after).cautions.join(), /the workload differs/);
  });
});
