import { Type } from 'typebox';
import {
  availabilitySchema,
  laneSchema,
  performanceSchema,
  pinningSchema,
  scalabilitySchema,
} from './claims-schema.ts';
import { estimate, strict } from './common-schema.ts';

/** The four claims, in the order of their measurement. */
export const claims = ['scalability', 'performance', 'availability', 'pinning'] as const;

export type Claim = (typeof claims)[number];

const claim = Type.Union([
  Type.Literal('scalability'),
  Type.Literal('performance'),
  Type.Literal('availability'),
  Type.Literal('pinning'),
]);

const finding = Type.Object(
  {
    claim: Type.Union([claim, Type.Literal('generator')]),
    kind: Type.Union(
      [
        Type.Literal('measured'),
        Type.Literal('no difference'),
        Type.Literal('not supported'),
        Type.Literal('caveat'),
      ],
      {
        description:
          'measured: significant over the rounds. no difference: no significant or relevant difference. not supported: too few rounds, or too much noise. caveat: a limitation of the other findings.',
      },
    ),
    isHeadline: Type.Boolean({ description: 'Whether the summary on the terminal includes it.' }),
    sentence: Type.String(),
    estimate: Type.Optional(estimate),
  },
  strict,
);

const path = Type.Object(
  {
    name: Type.String(),
    kind: Type.Union([Type.Literal('direct'), Type.Literal('proxy')]),
    url: Type.String({ description: 'The URL without the password.' }),
  },
  strict,
);

/** `report.json`. */
export const reportSchema = Type.Object(
  {
    format: Type.Literal('sluice-prove'),
    version: Type.Literal(1, { description: 'The version of this format.' }),
    startedAt: Type.String({ description: 'ISO 8601.' }),
    seconds: Type.Number({ description: 'The duration of the run.' }),
    sluice: Type.String({ description: 'The version of Sluice that measured.' }),
    isComplete: Type.Boolean({ description: 'False if the run was stopped early.' }),
    machine: Type.Object(
      {
        cores: Type.Integer(),
        cpu: Type.String(),
        memoryBytes: Type.Number(),
        kernel: Type.String(),
        loadBefore: Type.Number({ description: 'Load average over one minute before the run.' }),
        node: Type.String(),
      },
      { ...strict, description: 'The machine of the load generator.' },
    ),
    database: Type.Object(
      {
        version: Type.String(),
        maxConnections: Type.Integer(),
        reservedConnections: Type.Integer(),
        connections: Type.Integer({ description: 'Other connections before the run.' }),
        hasStatements: Type.Boolean({ description: 'pg_stat_statements can be read.' }),
        isLocal: Type.Boolean({
          description: 'The database runs on the machine of the load generator.',
        }),
      },
      strict,
    ),
    isLab: Type.Boolean({ description: 'The run started its own database and its own Sluice.' }),
    settings: Type.Record(Type.String(), Type.Unknown(), {
      description: 'All settings of the run, defaults included.',
    }),
    paths: Type.Array(path),
    workload: Type.Unknown({ description: 'The workload, as in its file.' }),
    findings: Type.Array(finding),
    scalability: Type.Optional(scalabilitySchema),
    performance: Type.Optional(performanceSchema),
    availability: Type.Optional(availabilitySchema),
    pinning: Type.Optional(pinningSchema),
  },
  { ...strict, title: 'report.json of sluice prove' },
);

export type Report = Type.Static<typeof reportSchema>;
export type Finding = Type.Static<typeof finding>;
export type Scalability = Type.Static<typeof scalabilitySchema>;
export type RampPath = Scalability['paths'][number];
export type RampStep = RampPath['steps'][number];
export type Performance = Type.Static<typeof performanceSchema>;
export type Load = Performance['steady'][number];
export type LoadRound = Load['rounds'][number];
export type DatabaseCost = Performance['database'][number];
export type Availability = Type.Static<typeof availabilitySchema>;
export type AvailabilityRound = Availability['rounds'][number];
export type AvailabilityLane = Type.Static<typeof laneSchema>;
export type Pinning = Type.Static<typeof pinningSchema>;
export type PinningEntry = Pinning['entries'][number];
