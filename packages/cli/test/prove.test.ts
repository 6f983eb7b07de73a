import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../../../test/helpers/database.ts';
import { runCommand } from './run-command.ts';
import { SluiceProcess, temporaryFolder } from './sluice-process.ts';

async function database(t: TestContext): Promise<Postgres> {
  const postgres = await startDatabase({
    user: 'postgres',
    password: 'secret',
    database: 'postgres',
  });
  t.after(() => postgres.stop('immediate'));
  return postgres;
}

function schemas(postgres: Postgres): Promise<unknown[]> {
  return postgres.query("SELECT FROM pg_namespace WHERE nspname = 'sluice_prove'");
}

// Concurrently: each has its own database, and mostly waits.
suite('sluice prove', { timeout: 300_000, concurrency: 3 }, () => {
  test('changes nothing if no terminal can confirm', async (t) => {
    const postgres = await database(t);
    const prove = new SluiceProcess(t, ['prove', '--direct', postgres.url]);
    assert.equal(await prove.exit(), 1);
    const output = prove.stderr.join('\n');
    assert.match(output, /create the schema sluice_prove/);
    assert.match(output, /--yes/);
    assert(!output.includes(postgres.password));
    assert.equal((await schemas(postgres)).length, 0);
  });

  for (const [what, typed, code, output] of [
    ['no', 'n\r', 1, /nothing was changed/],
    ['the end of input', '\u0004', 1, /nothing was changed/],
    ['Ctrl-C', '\u0003', 130, /Stopped; everything has been cleaned up/],
  ] as const) {
    test(`asks before it uses a database; ${what} ends it`, async (t) => {
      const postgres = await database(t);
      const prove = new SluiceProcess(t, ['prove', '--direct', postgres.url], {
        cwd: temporaryFolder(t),
        terminal: true,
      });
      // The rest of the line is the prompt for the answer, which has no line end yet.
      await prove.line(/run up to 200 transactions per second/);
      prove.type(typed);
      await prove.line(output);
      assert.equal(await prove.exit(), code);
      assert.equal((await schemas(postgres)).length, 0);
    });
  }

  test('a manual failover needs a terminal, and says so before the measurements', async (t) => {
    const prove = new SluiceProcess(t, [
      ...['prove', '--direct', 'postgres://nobody@127.0.0.1:1/none', '--yes'],
      '--failover-by-hand',
    ]);
    assert.equal(await prove.exit(), 1);
    assert.match(prove.stderr.join('\n'), /no terminal to ask on; use --failover-command/);
  });

  test('Ctrl-C stops it immediately, and leaves nothing', async (t) => {
    const postgres = await database(t);
    const cwd = temporaryFolder(t);
    const prove = new SluiceProcess(
      t,
      [
        ...['prove', '--direct', postgres.url, '--yes', '--only', 'scalability,performance'],
        ...['--max-clients', '20', '--seconds', '0.5'],
      ],
      { cwd },
    );
    await prove.line(/performance: direct, 25\/s, round 2/);
    assert.equal((await schemas(postgres)).length, 1);
    prove.signal('SIGINT');
    assert.equal(await prove.exit(), 130);
    assert.equal((await schemas(postgres)).length, 0);
    const [left] = await postgres.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    assert.equal(left?.count, 0);
    // Complete measurements are kept.
    const report = JSON.parse(readFileSync(path.join(cwd, 'sluice-prove/report.json'), 'utf8')) as {
      readonly isComplete: boolean;
      readonly scalability?: unknown;
    };
    assert.equal(report.isComplete, false);
    assert(report.scalability !== undefined);
  });

  test('the next run cleans up after a killed one', async (t) => {
    const postgres = await database(t);
    const cwd = temporaryFolder(t);
    const args = ['prove', '--direct', postgres.url, '--yes', '--only', 'pinning'];
    const killed = new SluiceProcess(t, [...args.slice(0, -1), 'performance'], { cwd });
    await killed.line(/warm-up/);
    killed.signal('SIGKILL');
    await killed.exit();
    assert.equal((await schemas(postgres)).length, 1);
    const next = new SluiceProcess(t, [...args, '--json'], { cwd });
    assert.equal(await next.exit(), 0, next.stderr.join('\n'));
    assert.equal((await schemas(postgres)).length, 0);
    assert(existsSync(path.join(cwd, 'sluice-prove/report.html')));
    const { pinning } = JSON.parse(next.stdout.join('\n')) as { readonly pinning?: unknown };
    assert(pinning !== undefined);

    const file = path.join(cwd, 'sluice-prove/report.json');
    // In this process: only the runs above depend on signals.
    assert.equal((await runCommand(['prove', 'compare', file, file])).code, 0);
    const other = path.join(cwd, 'other.json');
    writeFileSync(other, '{"format": "other"}');
    const wrong = await runCommand(['prove', 'compare', file, other]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /other\.json is not a report of sluice prove/);
  });

  for (const [what, args, expected] of [
    ['an unknown claim', ['--only', 'speed'], /"speed" is not a claim/],
    ['an unknown workload', ['--workload', 'nowhere.yaml'], /nor one of the workloads/],
    ['a missing trace', ['--trace', 'nowhere.log'], /nowhere\.log cannot be read/],
    [
      'a failover command for the test cluster',
      ['--failover-command', 'true'],
      /is for a database of your own/,
    ],
    ['unknown arguments', ['contrast', 'a', 'b'], /takes no arguments except compare/],
  ] as const) {
    test(`refuses ${what} before it starts anything`, async () => {
      const { code, stderr } = await runCommand(['prove', ...args]);
      assert.equal(code, 1);
      assert.match(stderr, expected);
    });
  }
});
