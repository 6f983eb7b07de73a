import { Type } from 'typebox';

/** An object that rejects unknown names, so that typos are found. */
const strict = { additionalProperties: false } as const;

const integerGenerator = Type.Object(
  {
    generate: Type.Literal('integer', { description: 'A whole number.' }),
    min: Type.Integer({ description: 'The smallest.' }),
    max: Type.Integer({ description: 'The largest.' }),
    distribution: Type.Optional(
      Type.Union([Type.Literal('uniform'), Type.Literal('zipf')], {
        description:
          'The distribution of the values: uniform (the default), or skewed by Zipf’s law, with the smallest values most frequent.',
      }),
    ),
  },
  strict,
);

const numberGenerator = Type.Object(
  {
    generate: Type.Literal('number', { description: 'A number with two decimals.' }),
    min: Type.Number({ description: 'The smallest.' }),
    max: Type.Number({ description: 'The largest.' }),
  },
  strict,
);

const textGenerator = Type.Object(
  {
    generate: Type.Literal('text', { description: 'Letters and digits.' }),
    length: Type.Integer({ minimum: 1, maximum: 1_048_576, description: 'The length.' }),
  },
  strict,
);

const uuidGenerator = Type.Object(
  { generate: Type.Literal('uuid', { description: 'A random UUID.' }) },
  strict,
);

const sequenceGenerator = Type.Object(
  {
    generate: Type.Literal('sequence', {
      description: 'A whole number that is unique in the run.',
    }),
    start: Type.Optional(Type.Integer({ description: 'The first number. Default 1.' })),
  },
  strict,
);

const timestampGenerator = Type.Object(
  {
    generate: Type.Literal('timestamp', { description: 'A time in the past.' }),
    withinDays: Type.Number({
      exclusiveMinimum: 0,
      description: 'At most this many days ago.',
    }),
  },
  strict,
);

const choiceGenerator = Type.Object(
  {
    generate: Type.Literal('choice', { description: 'One of these values.' }),
    values: Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]), {
      minItems: 1,
      description: 'The values, with equal probability.',
    }),
  },
  strict,
);

const parameter = Type.Union(
  [
    Type.String(),
    Type.Number(),
    Type.Boolean(),
    Type.Null(),
    integerGenerator,
    numberGenerator,
    textGenerator,
    uuidGenerator,
    sequenceGenerator,
    timestampGenerator,
    choiceGenerator,
  ],
  { description: 'A value, or a value generator.' },
);

const statement = Type.Object(
  {
    sql: Type.String({
      minLength: 1,
      description:
        'One statement, with parameters $1, $2, …. `{schema}` is replaced by the schema that the run creates.',
    }),
    parameters: Type.Optional(
      Type.Array(parameter, { description: 'The values of $1, $2, … in order.' }),
    ),
    prepared: Type.Optional(
      Type.Boolean({
        description:
          'Whether the statement is prepared once per connection under a name, as by drivers with a statement cache. Default false: a statement with parameters is parsed each time, and one without uses the simple query protocol.',
      }),
    ),
  },
  strict,
);

const think = Type.Object(
  {
    think: Type.Number({
      minimum: 0,
      maximum: 60_000,
      description:
        'Milliseconds for which the application pauses in the middle of the transaction.',
    }),
  },
  strict,
);

const repeat = Type.Object(
  {
    statement: Type.String({ description: 'The name of a statement.' }),
    repeat: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: 'The number of repetitions.',
    }),
  },
  strict,
);

const transaction = Type.Object(
  {
    name: Type.String({ minLength: 1, description: 'Its name in the report.' }),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: 'Its frequency relative to the other transactions. Default 1.',
      }),
    ),
    explicit: Type.Optional(
      Type.Boolean({
        description:
          'Whether it runs between BEGIN and COMMIT. Default: if it has more than one statement.',
      }),
    ),
    steps: Type.Array(Type.Union([Type.String(), repeat, think]), {
      minItems: 1,
      description: 'Names of statements, repeated statements, and pauses.',
    }),
  },
  strict,
);

const connect = Type.Object(
  {
    pattern: Type.Optional(
      Type.Union([Type.Literal('pool'), Type.Literal('per-transaction'), Type.Literal('both')], {
        description:
          'Persistent connections, as in a driver’s pool; a new connection per transaction, as in serverless functions; or both, one after the other. Default both.',
      }),
    ),
    clients: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Connections of the steady load. Default 20.',
      }),
    ),
    session: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'SQL that the driver sends on each new connection.',
      }),
    ),
    release: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description:
          'SQL that the driver sends after each transaction, when the connection returns to its pool.',
      }),
    ),
  },
  { ...strict, description: 'How clients connect.' },
);

const thinkTime = Type.Object(
  {
    mean: Type.Number({
      minimum: 0,
      maximum: 3_600_000,
      description: 'Milliseconds between two transactions of one client, on average.',
    }),
    distribution: Type.Optional(
      Type.Union([Type.Literal('exponential'), Type.Literal('constant')], {
        description: 'The distribution of the pauses. Default exponential.',
      }),
    ),
  },
  {
    ...strict,
    description:
      'A client’s pause between two transactions while many clients are connected. Default 1,000 ms on average.',
  },
);

/** A workload file. */
export const workloadSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, description: 'Its name in the report.' }),
    description: Type.Optional(Type.String({ description: 'A description.' })),
    setup: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description:
          'Statements that create the objects of the workload, run once, in this order. Create them in `{schema}`, which is dropped afterwards.',
      }),
    ),
    connect: Type.Optional(connect),
    thinkTime: Type.Optional(thinkTime),
    statements: Type.Record(Type.String(), statement, {
      description: 'Statements by name.',
      minProperties: 1,
    }),
    transactions: Type.Array(transaction, {
      minItems: 1,
      description: 'What the application does.',
    }),
  },
  { ...strict, title: 'A workload of sluice prove' },
);

/** A checked workload file. */
export type WorkloadFile = Type.Static<typeof workloadSchema>;

/** A value of a parameter, or its generator. */
export type ParameterFile = Type.Static<typeof parameter>;

/** A step of a transaction. */
export type StepFile = WorkloadFile['transactions'][number]['steps'][number];
