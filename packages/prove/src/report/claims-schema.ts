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
    clients: Type.Integer({ description: 'Clients that wanted to be connected.' }),
    connected: Type.Integer({ description: 'Clients that were.' }),
    served: Type.Integer({ description: 'Clients that were answered at the end of the step.' }),
    failed: failures,
    connect: nullableLatency,
    latency: nullableLatency,
    throughput: Type.Number({ description: 'Transactions a second.' }),
    connections: Type.Integer({
      description: 'Connections that the database has more than before the ramp, each a process.',
    }),
    memoryBytes: Type.Union([Type.Number(), Type.Null()], {
      description: 'Memory of these processes (Pss); null where the database is not local.',
    }),
    contextBytes: Type.Union([Type.Number(), Type.Null()], {
      description:
        'Memory that one process has allocated, as pg_backend_memory_contexts tells; null where it may not be asked.',
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
          limit: Type.Integer({ description: 'Clients at which the ramp was to end.' }),
          served: Type.Integer({ description: 'The most clients that were served at once.' }),
          ended: Type.Union(
            [Type.Literal('limit'), Type.Literal('errors'), Type.Literal('generator')],
            { description: 'What ended the ramp.' },
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
    unanswered: Type.Integer({ description: 'Without an answer when the round was over.' }),
    failed: failures,
    throughput: Type.Number({ description: 'Answers a second.' }),
    isOverrun: Type.Boolean({
      description: 'Transactions came faster than they were answered, and the round ended early.',
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
    rate: Type.Number({ description: 'Transactions a second that were due.' }),
    rounds: Type.Array(loadRound),
    latency: Type.Union([latencySummary, Type.Null()], {
      description: 'Of all rounds, from the moment at which a transaction was due.',
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
        'CPU time of all processes of the database for each transaction, in microseconds, by round; empty where it is not local.',
    }),
  },
  strict,
);

export const performanceSchema = Type.Object(
  {
    clients: Type.Integer({ description: 'Connections of the load on each path.' }),
    secondsPerRound: Type.Number(),
    steady: Type.Array(load, { description: 'Connections that are kept.' }),
    connecting: Type.Array(load, { description: 'One connection for each transaction.' }),
    database: Type.Array(databaseCost),
  },
  strict,
);

const kind = Type.Object(
  {
    asked: Type.Integer(),
    succeeded: Type.Integer(),
    held: Type.Integer({ description: 'Succeeded at once, and took longer than 100 ms.' }),
    retried: Type.Integer({ description: 'Succeeded after they were asked again.' }),
    failed: failures,
  },
  strict,
);

export const laneSchema = Type.Object(
  {
    path: Type.String(),
    gapMs: Type.Number({ description: 'The longest time between two writes that succeeded.' }),
    readGapMs: Type.Number({ description: 'The same for reads.' }),
    afterPromotionMs: Type.Union([Type.Number(), Type.Null()], {
      description:
        'From the moment at which the new primary took writes to the first write that succeeded; null where that moment is not known.',
    }),
    writes: kind,
    reads: kind,
    rows: Type.Object(
      {
        acknowledged: Type.Integer(),
        lost: Type.Integer({ description: 'Acknowledged rows that are not there.' }),
        doubled: Type.Integer({ description: 'Rows that are there more than once.' }),
      },
      strict,
    ),
    idle: Type.Object(
      {
        clients: Type.Integer(),
        survived: Type.Integer({ description: 'Answered afterwards, on the same connection.' }),
        lost: Type.Integer(),
      },
      strict,
    ),
    timeline: Type.Array(Type.Integer(), {
      description: 'Writes that succeeded in each 100 ms of the round.',
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
              'From the failover until the new primary took writes: the database’s own part. Null where it is not known.',
          }),
          lanes: Type.Array(laneSchema),
        },
        strict,
      ),
    ),
    cuts: Type.Array(Type.Object({ path: Type.String(), cut: estimate }, strict), {
      description: 'By what share the outage is shorter than on the direct path.',
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
    source: Type.String({ description: 'Where the statements come from.' }),
    statements: Type.Integer({ description: 'How many were read, repetitions included.' }),
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
      { description: 'Null where the source does not tell which session sent what.' },
    ),
    entries: Type.Array(
      Type.Object(
        {
          statement: Type.String({ description: 'Literals replaced.' }),
          count: Type.Number({ description: 'How often, or its weight in the workload.' }),
          share: Type.Number({ description: 'Of all statements.' }),
          rdsProxy: verdict,
          pgbouncer: verdict,
          sluice: verdict,
        },
        strict,
      ),
      { description: 'Statements that touch a session’s state; the others need nothing.' },
    ),
    observed: Type.Array(
      Type.Object({ reason: Type.String(), digest: Type.String(), count: Type.Integer() }, strict),
      { description: 'Pins that a log of RDS Proxy itself tells of.' },
    ),
    measured: Type.Array(
      Type.Object(
        {
          path: Type.String(),
          tried: Type.String({ description: 'What one session left.' }),
          kept: Type.Boolean({ description: 'It still had it in its next transaction.' }),
          seenByOthers: Type.Boolean({ description: 'Another session had it as well.' }),
        },
        strict,
      ),
      { description: 'State of a session, tried out on each path.' },
    ),
  },
  strict,
);
