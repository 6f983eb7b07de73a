import { readFileSync } from 'node:fs';
import { availabilitySeconds, proveAvailability } from './claims/availability.ts';
import { performanceSeconds, provePerformance, ratesUpTo } from './claims/performance.ts';
import { liveStatements, pinningSeconds, provePinning } from './claims/pinning.ts';
import { Progress } from './claims/progress.ts';
import type { DatabasePath, FailoverPlan, Limits, Pace, ProveRun } from './claims/run.ts';
import { proveScalability, scalabilitySeconds } from './claims/scalability.ts';
import { Control } from './database/control.ts';
import { Observer } from './database/observer.ts';
import { commandPlan, handPlan, testkitPlan } from './failover-plan.ts';
import { findingsOf } from './findings/findings.ts';
import { capital } from './findings/of-estimate.ts';
import { describeMachine } from './machine/index.ts';
import type { Dialogue, ProveOptions } from './options.ts';
import { givenPaths } from './paths.ts';
import { formOf } from './pinning/trace.ts';
import { ProveError } from './prove-error.ts';
import type { Claim, Finding, Report } from './report/schema.ts';
import { claims } from './report/schema.ts';
import { DnsName, TestkitStage } from './stage/index.ts';
import { readWorkload } from './workload/read-workload.ts';
import type { WorkloadFile } from './workload/schema.ts';
import { Workload } from './workload/workload.ts';

/** The default limits and pace: in the test cluster, and on a database of the user. */
const testkitDefaults = { maxClients: 1000, maxRate: 1600, seconds: 1.5, connectRate: 60 };
const givenDefaults = { maxClients: 100, maxRate: 200, seconds: 3, connectRate: 20 };

/** The stage of a run. */
interface Stage {
  readonly paths: readonly DatabasePath[];
  readonly testkit: TestkitStage | undefined;
  readonly control: Control;
  readonly plan: FailoverPlan | undefined;
}

/**
 * Measures the effect of a proxy: on the test cluster, or on the given paths. It removes everything that it created,
 * also after an error or `signal`.
 *
 * @returns the report; an incomplete one if it was stopped after the first measurement.
 */
export async function prove(
  options: ProveOptions,
  dialogue: Dialogue,
  signal: AbortSignal,
): Promise<Report> {
  const startedAt = new Date();
  const file = readWorkload(options.workload ?? 'web');
  // Invalid input is reported before anything starts.
  const { trace } = options;
  if (trace !== undefined && trace !== liveStatements) await formOf(trace);
  const given = givenPaths(options);
  const isLab = given.length === 0;
  const limits = limitsOf(options, isLab ? testkitDefaults : givenDefaults);
  const machine = await describeMachine();
  if (isLab) dialogue.stderr.write('Starting PostgreSQL, a standby, and Sluice…\n');
  const stage = isLab
    ? await testkitStage(options, limits, signal)
    : await givenStage(options, limits, given, dialogue, signal);
  try {
    const leftBehind = isLab ? [] : await takeDatabase(stage, options, limits, dialogue, signal);
    signal.throwIfAborted();
    await stage.control.createSchema(leftBehind);
    return await measure({ options, limits, file, stage, machine, startedAt, dialogue, signal });
  } finally {
    await stage.control.dropSchema().catch((error: unknown) => {
      dialogue.stderr.write(
        `The schema ${options.schema} could not be dropped (${String(error)}); the next run will drop it.\n`,
      );
    });
    await stage.control.end();
    await stage.testkit?.stop();
  }
}

/** The given limits, or the defaults. */
function limitsOf(
  { maxClients, maxRate }: ProveOptions,
  defaults: Pick<Limits, 'maxClients' | 'maxRate'>,
): Limits {
  return {
    maxClients: maxClients ?? defaults.maxClients,
    maxRate: maxRate ?? defaults.maxRate,
    isClientLimitGiven: maxClients !== undefined,
  };
}

interface Making {
  readonly options: ProveOptions;
  readonly limits: Limits;
  readonly file: WorkloadFile;
  readonly stage: Stage;
  readonly machine: Awaited<ReturnType<typeof describeMachine>>;
  readonly startedAt: Date;
  readonly dialogue: Dialogue;
  readonly signal: AbortSignal;
}

async function measure(making: Making): Promise<Report> {
  const { options, limits, file, stage, dialogue, signal } = making;
  const { control, testkit, plan, paths } = stage;
  const observer = await Observer.start(control);
  const defaults = testkit === undefined ? givenDefaults : testkitDefaults;
  const seconds = options.seconds ?? defaults.seconds;
  const pace: Pace = {
    rounds: options.rounds,
    secondsPerRound: seconds,
    secondsPerRampStep: seconds,
    rates: (options.rates ?? ratesUpTo(limits.maxRate)).filter((rate) => rate <= limits.maxRate),
    connectRate: Math.min(defaults.connectRate, limits.maxRate),
  };
  const workload = new Workload(file, options.schema);
  const common = { paths, limits, pace, workload };
  const expected: Readonly<Record<Claim, number>> = {
    scalability: scalabilitySeconds(common),
    performance: performanceSeconds(common),
    availability: plan === undefined ? 0 : availabilitySeconds(plan, testkit !== undefined),
    pinning: pinningSeconds,
  };
  const wanted = claims.filter((claim) => options.only.includes(claim));
  const progress = new Progress(
    dialogue.stderr,
    new Map(wanted.map((claim) => [claim, expected[claim]])),
  );
  const facts = await observer.facts();
  const run: ProveRun = { ...common, control, observer, facts, progress, signal, testkit };
  let report: Report = {
    ...frameOf(making, { facts, pace, plan }),
    isComplete: false,
  };
  const failures: { readonly claim: Claim; readonly error: unknown }[] = [];
  try {
    for (const text of workload.setup) await control.query(text);
    for (const claim of wanted) {
      signal.throwIfAborted();
      progress.start(claim);
      try {
        report = { ...report, ...(await proveClaim(claim, run, plan, options)) };
      } catch (error) {
        signal.throwIfAborted();
        // The other claims are still measured.
        progress.note(`${claim} could not be measured: ${errorText(error)}`);
        failures.push({ claim, error });
      }
    }
    const [first] = failures;
    if (first !== undefined && failures.length === wanted.length) throw first.error;
    report = { ...report, isComplete: failures.length === 0 };
  } catch (error) {
    // A stopped run keeps its complete measurements.
    if (!signal.aborted || claims.every((claim) => report[claim] === undefined)) throw error;
  } finally {
    progress.end();
  }
  const whole = { ...report, seconds: (Date.now() - making.startedAt.getTime()) / 1000 };
  const failed = failures.map(({ claim, error }): Finding => ({
    claim,
    kind: 'caveat',
    isHeadline: true,
    sentence: `${capital(claim)} could not be measured: ${errorText(error)}.`,
  }));
  return {
    ...whole,
    findings: [...findingsOf(whole), ...failed, ...skippedFindings(wanted, plan)],
  };
}

async function proveClaim(
  claim: Claim,
  run: ProveRun,
  plan: FailoverPlan | undefined,
  options: ProveOptions,
): Promise<Partial<Report>> {
  switch (claim) {
    case 'scalability':
      return { scalability: await proveScalability(run) };
    case 'performance':
      return { performance: await provePerformance(run) };
    case 'availability':
      return plan === undefined ? {} : { availability: await proveAvailability(run, plan) };
    default:
      return { pinning: await provePinning(run, options) };
  }
}

function skippedFindings(
  wanted: readonly Claim[],
  plan: FailoverPlan | undefined,
): Report['findings'] {
  if (!wanted.includes('availability') || plan !== undefined) return [];
  return [
    {
      claim: 'availability',
      kind: 'caveat',
      isHeadline: true,
      sentence:
        'Availability was not measured, because it needs a failover: use --failover-command or --failover-by-hand.',
    },
  ];
}

/** The part of the report that is known before the measurements. */
function frameOf(
  { options, limits, file, stage, machine, startedAt }: Making,
  {
    facts,
    pace,
    plan,
  }: Pick<ProveRun, 'facts' | 'pace'> & { readonly plan: FailoverPlan | undefined },
): Omit<Report, 'isComplete'> {
  const { direct: _direct, through: _through, rates: _rates, ...given } = options;
  const failover = plan === undefined ? {} : planSettings(plan);
  return {
    format: 'sluice-prove',
    version: 1,
    startedAt: startedAt.toISOString(),
    seconds: 0,
    sluice: version(),
    machine: { ...machine, node: process.versions.node },
    database: facts,
    isLab: stage.testkit !== undefined,
    settings: Object.fromEntries(
      Object.entries({ ...given, ...limits, ...pace, ...failover }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
    paths: stage.paths.map(({ name, kind, shown }) => ({ name, kind, url: shown })),
    workload: file,
    findings: [],
  };
}

/** An error on one line, without a full stop. */
function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .replace(/\.$/, '');
}

function planSettings({ rounds, connections, idleClients, patienceMs }: FailoverPlan): object {
  return {
    failoverRounds: rounds,
    failoverConnections: connections,
    failoverIdleClients: idleClients,
    failoverPatienceMs: patienceMs,
  };
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}

async function testkitStage(
  options: ProveOptions,
  limits: Limits,
  signal: AbortSignal,
): Promise<Stage> {
  const testkit = await TestkitStage.start({ poolSize: 20, signal });
  const dns = new DnsName(testkit.cluster.primary);
  const plan = testkitPlan(options, limits, testkit, dns);
  const paths: DatabasePath[] = [
    {
      name: 'direct',
      kind: 'direct',
      url: () => testkit.directUrl(dns.resolve()),
      shown: 'the primary of the test cluster, found by a DNS name with a time to live of 5 s',
    },
    {
      name: 'sluice',
      kind: 'proxy',
      url: () => testkit.proxyUrl,
      shown: 'Sluice in front of the test cluster, with at most 20 connections to the database',
    },
  ];
  try {
    const control = await Control.connect(() => testkit.cluster.primary.url, options.schema);
    return { paths, testkit, control, plan };
  } catch (error) {
    await testkit.stop();
    throw error;
  }
}

async function givenStage(
  options: ProveOptions,
  limits: Limits,
  paths: readonly DatabasePath[],
  dialogue: Dialogue,
  signal: AbortSignal,
): Promise<Stage> {
  const { failoverCommand } = options;
  const plan =
    failoverCommand !== undefined
      ? commandPlan(options, limits, failoverCommand, signal)
      : options.failoverByHand
        ? handPlan(options, limits, dialogue, signal)
        : undefined;
  // Directly, if possible: a proxy would pin this connection, or lose its state.
  const path = paths.find(({ kind }) => kind === 'direct') ?? paths[0];
  if (path === undefined) throw new ProveError('there are no paths to measure');
  try {
    const control = await Control.connect(path.url, options.schema);
    return { paths, testkit: undefined, control, plan };
  } catch (error) {
    throw new ProveError(
      `the database cannot be reached on the path ${path.name} (${path.shown}): ${errorText(error)}`,
    );
  }
}

/**
 * Asks for confirmation before it uses a database of the user, and checks that no other run uses it.
 *
 * @returns the schemas of killed runs.
 */
async function takeDatabase(
  { control, paths, plan }: Stage,
  options: ProveOptions,
  { maxClients, maxRate }: Limits,
  dialogue: Dialogue,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const earlier = await control.findEarlierRuns(signal);
  if (earlier.some(({ schema, isRunning }) => isRunning && schema === control.schema)) {
    throw new ProveError(
      `another sluice prove is running on this database (schema ${control.schema}); wait for it, or use another schema with --schema`,
    );
  }
  const leftBehind = earlier.filter(({ isRunning }) => !isRunning).map(({ schema }) => schema);
  const planned = [
    ...leftBehind.map((schema) => `drop the schema ${schema}, which a killed run left`),
    `create the schema ${control.schema}, and drop it at the end`,
    `connect up to ${maxClients} clients on each path, and run up to ${maxRate} transactions per second`,
    ...(plan === undefined || !options.only.includes('availability')
      ? []
      : [`make it fail over (${plan.trigger}), which interrupts all its clients`]),
  ];
  const agreed = await dialogue.confirm(
    `sluice prove is about to use a database that is not its own:
${paths.map(({ name, shown }) => `  ${name}: ${shown}`).join('\n')}
It will
${planned.map((line) => `  - ${line}`).join('\n')}
Continue?`,
    signal,
  );
  if (!agreed) throw new ProveError('nothing was changed');
  return leftBehind;
}
