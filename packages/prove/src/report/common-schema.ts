import { Type } from 'typebox';

/** Objects of the report have no members that the schema does not name. */
export const strict = { additionalProperties: false } as const;

export const latencySummary = Type.Object(
  {
    count: Type.Integer({ description: 'How many.' }),
    mean: Type.Number(),
    p50: Type.Number(),
    p90: Type.Number(),
    p99: Type.Number(),
    p999: Type.Union([Type.Number(), Type.Null()], {
      description: 'Null when there are fewer than 1,000.',
    }),
    max: Type.Number(),
  },
  { ...strict, description: 'Latencies, in milliseconds.' },
);

export const nullableLatency = Type.Union([latencySummary, Type.Null()], {
  description: 'Null when there is none.',
});

export const curve = Type.Array(Type.Tuple([Type.Number(), Type.Number()]), {
  description:
    'Latency by percentile: pairs of a percentile (0 to 100) and the milliseconds that so many do not exceed.',
});

export const failures = Type.Record(Type.String(), Type.Integer(), {
  description: 'How many failed, by SQLSTATE or by the words of the driver.',
});

export const estimate = Type.Object(
  {
    value: Type.Number(),
    low: Type.Number({ description: 'Lower end of the 95 % interval of the bootstrap.' }),
    high: Type.Number({ description: 'Upper end.' }),
    rounds: Type.Integer({ description: 'Rounds that it rests on.' }),
  },
  strict,
);

export const generatorHealth = Type.Object(
  {
    busy: Type.Number({ description: 'Share of the time in which the event loop was busy.' }),
    cpu: Type.Number({ description: 'Cores that the process used.' }),
    lagP50: Type.Number({ description: 'How late the event loop was, in milliseconds.' }),
    lagP99: Type.Number(),
    lagMax: Type.Number(),
    limit: Type.Union([Type.String(), Type.Null()], {
      description:
        'Why the load generator, and not what it measured, was the limit; null when it was not.',
    }),
  },
  { ...strict, description: 'How the load generator itself fared.' },
);
