import { Type } from 'typebox';

/** Objects of the report have no other members than those in the schema. */
export const strict = { additionalProperties: false } as const;

export const latencySummary = Type.Object(
  {
    count: Type.Integer({ description: 'How many.' }),
    mean: Type.Number(),
    p50: Type.Number(),
    p90: Type.Number(),
    p99: Type.Number(),
    p999: Type.Union([Type.Number(), Type.Null()], {
      description: 'Null if there are fewer than 1,000.',
    }),
    max: Type.Number(),
  },
  { ...strict, description: 'Latencies, in milliseconds.' },
);

export const nullableLatency = Type.Union([latencySummary, Type.Null()], {
  description: 'Null if there is none.',
});

export const curve = Type.Array(Type.Tuple([Type.Number(), Type.Number()]), {
  description: 'Latency by percentile: pairs of a percentile (0 to 100) and milliseconds.',
});

export const failures = Type.Record(Type.String(), Type.Integer(), {
  description: 'Number of failures, by SQLSTATE or by the message of the driver.',
});

export const estimate = Type.Object(
  {
    value: Type.Number(),
    low: Type.Number({ description: 'Lower end of the 95 % interval of the bootstrap.' }),
    high: Type.Number({ description: 'Upper end.' }),
    rounds: Type.Integer({ description: 'Number of rounds.' }),
  },
  strict,
);

export const generatorHealth = Type.Object(
  {
    busy: Type.Number({ description: 'Share of time for which the event loop was busy.' }),
    cpu: Type.Number({ description: 'Cores that the process used.' }),
    lagP50: Type.Number({ description: 'Delay of the event loop, in milliseconds.' }),
    lagP99: Type.Number(),
    lagMax: Type.Number(),
    limit: Type.Union([Type.String(), Type.Null()], {
      description: 'Why the load generator limited the measurement; null if it did not.',
    }),
  },
  { ...strict, description: 'State of the load generator.' },
);
