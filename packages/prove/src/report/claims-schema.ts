import { Type } from 'typebox';
import {
  curve,
  estimate,
  failures,
  generatorHealth,
  latencySummary,
  nullableLatency,
  strict,
} from './common-schema.ts';

const rampStep = Type.Object(
  {
    clients: Type.Integer({ description: 'Clients that tried to connect.' }),
    connected: Type.Integer({ description: 'Clients that connected.' }),
    served: Type.Integer({ description: 'Clients that got responses at the end of the step.' }),
    failed: failures,
    connect: nullableLatency,
    latency: nullableLatency,
    throughput: Type.Number({ description: 'Transactions a second.' }),
    connections: Type.Integer({
      description:
        'Connections that the database has in addition to those before the ramp; each is a process.',
    }),
    memoryBytes: Type.Union([Type.Number(), Type.Null()], {
      description: 'Memory of these processes (Pss); null if the database is not local.',
    }),
    contextBytes: Type.Union([Type.Number(), Type.Null()], {
      description:
        'Memory that one process has allocated, from pg_backend_memory_contexts; null without the privilege to read it.',
    }),
    generator: generatorHealth,
  },
  strict,
);

export const scalabilitySchema = Type.Object(
  {
    paths: Type.Array(
      Type.Object(
        {
          path: Type.String(),
          limit: Type.Integer({ description: 'Planned number of clients at the end of the ramp.' }),
          served: Type.Integer({
            description: 'The maximum number of clients served at the same time.',
          }),
          ended: Type.Union(
            [Type.Literal('limit'), Type.Literal('errors'), Type.Literal('generator')],
            { description: 'Why the ramp ended.' },
          ),
          why: Type.String({ description: 'The same as a sentence.' }),
          steps: Type.Array(rampStep),
        },
        strict,
      ),
    ),
  },
  strict,
);

const loadRound = Type.Object(
  {
    asked: Type.Integer(),
    answered: Type.Integer(),
    unanswered: Type.Integer({
      description: 'Transactions without a response at the end of the round.',
    }),
    failed: failures,
    throughput: Type.Number({ description: 'Answers a second.' }),
    isOverrun: Type.Boolean({
      description: 'The path could not keep up with the rate, and the round ended early.',
    }),
    latency: nullableLatency,
    service: nullableLatency,
    connect: nullableLatency,
    generator: generatorHealth,
  },
  strict,
);

const load = Type.Object(
  {
    path: Type.String(),
    rate: Type.Number({ description: 'Planned transactions per second.' }),
    rounds: Type.Array(loadRound),
    latency: Type.Union([latencySummary, Type.Null()], {
      description: 'Over all rounds, from the planned start of each transaction.',
    }),
    curve,
    connectCurve: curve,
  },
  strict,
);

const databaseCost = Type.Object(
  {
    path: Type.String(),
    pattern: Type.Union([Type.Literal('pool'), Type.Literal('per-transaction')]),
    rate: Type.Number(),
    transactions: Type.Integer({ description: 'Transactions of the load.' }),
    perTransaction: Type.Record(Type.String(), Type.Number(), {
      description:
        'Counters of pg_stat_database and pg_stat_statements divided by the transactions of the load.',
    }),
    cpuMicros: Type.Array(Type.Number(), {
      description:
        'CPU time of all processes of the database per transaction, in microseconds, by round; empty if the database is not local.',
    }),
  },
  strict,
);

export const performanceSchema = Type.Object(
  {
    clients: Type.Integer({ description: 'Connections of the load on each path.' }),
    secondsPerRound: Type.Number(),
    steady: Type.Array(load, { description: 'Persistent connections.' }),
    connecting: Type.Array(load, { description: 'A new connection per transaction.' }),
    database: Type.Array(databaseCost),
  },
  strict,
);

const kind = Type.Object(
  {
    asked: Type.Integer(),
    succeeded: Type.Integer(),
    held: Type.Integer({ description: 'Succeeded without a retry, and took longer than 100 ms.' }),
    retried: Type.Integer({ description: 'Succeeded after a retry.' }),
    failed: failures,
  },
  strict,
);

export const laneSchema = Type.Object(
  {
    path: Type.String(),
    gapMs: Type.Number({ description: 'The longest time between two successful writes.' }),
    readGapMs: Type.Number({ description: 'The same for reads.' }),
    afterPromotionMs: Type.Union([Type.Number(), Type.Null()], {
      description:
        'From the moment at which the new primary accepted writes to the first successful write; null if that moment is unknown.',
    }),
    writes: kind,
    reads: kind,
    rows: Type.Object(
      {
        acknowledged: Type.Integer(),
        lost: Type.Integer({ description: 'Acknowledged rows that are missing.' }),
        doubled: Type.Integer({ description: 'Rows that exist more than once.' }),
      },
      strict,
    ),
    idle: Type.Object(
      {
        clients: Type.Integer(),
        survived: Type.Integer({
          description: 'Clients that got a response afterwards, on the same connection.',
        }),
        lost: Type.Integer(),
      },
      strict,
    ),
    timeline: Type.Array(Type.Integer(), {
      description: 'Successful writes in each 100 ms of the round.',
    }),
  },
  strict,
);

export const availabilitySchema = Type.Object(
  {
    trigger: Type.String({ description: 'What made the database fail over.' }),
    writesPerSecond: Type.Number(),
    readsPerSecond: Type.Number(),
    rounds: Type.Array(
      Type.Object(
        {
          faultAtMs: Type.Number({
            description: 'From the start of the timelines to the failover.',
          }),
          promotionMs: Type.Union([Type.Number(), Type.Null()], {
            description:
              'From the failover until the new primary accepted writes. Null if unknown.',
          }),
          lanes: Type.Array(laneSchema),
        },
        strict,
      ),
    ),
    cuts: Type.Array(Type.Object({ path: Type.String(), cut: estimate }, strict), {
      description: 'The reduction of the outage relative to the direct path.',
    }),
    publishedClaim: Type.Number({
      description: 'The share that Amazon publishes for RDS Proxy: “up to 66 %”.',
    }),
  },
  strict,
);

const verdict = Type.Object(
  {
    effect: Type.String({ description: 'In a word.' }),
    why: Type.String(),
  },
  strict,
);

export const pinningSchema = Type.Object(
  {
    source: Type.String({ description: 'The source of the statements.' }),
    statements: Type.Integer({ description: 'Number of statements, including repetitions.' }),
    unread: Type.Integer({ description: 'Lines or statements that could not be read.' }),
    sessions: Type.Union(
      [
        Type.Object(
          {
            seen: Type.Integer(),
            pinnedOnRdsProxy: Type.Integer(),
            losingOnPgbouncer: Type.Integer(),
            pinnedOnSluice: Type.Integer(),
          },
          strict,
        ),
        Type.Null(),
      ],
      { description: 'Null if the source does not identify sessions.' },
    ),
    entries: Type.Array(
      Type.Object(
        {
          statement: Type.String({ description: 'Literals replaced.' }),
          count: Type.Number({
            description: 'Number of executions, or the weight in the workload.',
          }),
          share: Type.Number({ description: 'Of all statements.' }),
          rdsProxy: verdict,
          pgbouncer: verdict,
          sluice: verdict,
        },
        strict,
      ),
      { description: 'Statements that affect session state.' },
    ),
    observed: Type.Array(
      Type.Object({ reason: Type.String(), digest: Type.String(), count: Type.Integer() }, strict),
      { description: 'Pins in the log of RDS Proxy.' },
    ),
    measured: Type.Array(
      Type.Object(
        {
          path: Type.String(),
          tried: Type.String({ description: 'The state that one session set.' }),
          kept: Type.Boolean({ description: 'The session kept it in its next transaction.' }),
          seenByOthers: Type.Boolean({ description: 'Another session saw it.' }),
        },
        strict,
      ),
      { description: 'Session state, tested on each path.' },
    ),
  },
  strict,
);
