import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseWorkload, readWorkload, readyWorkloads } from '../src/workload/read-workload.ts';
import { valueMaker } from '../src/workload/values.ts';
import { Workload } from '../src/workload/workload.ts';

const rest = 'transactions: [{ name: one, steps: [one] }]';
const one = 'statements: { one: { sql: SELECT 1 } }';

suite('workload files', () => {
  for (const name of readyWorkloads) {
    test(`${name} is included in Sluice, and valid`, () => {
      const workload = new Workload(readWorkload(name), 'mine');
      assert.equal(workload.file.name, name);
      const texts = [
        ...workload.setup,
        ...workload.transactions.flatMap(({ steps }) =>
          steps.flatMap((step) => (typeof step === 'number' ? [] : [step.text])),
        ),
      ];
      assert(texts.some((text) => text.includes('mine.')));
      assert(texts.every((text) => !text.includes('{schema}')));
    });
  }

  for (const [what, text, expected] of [
    [
      'a name is unknown',
      `name: x\nfoo: 1\n${one}\n${rest}`,
      'w.yaml:2:6: "foo" is not known here',
    ],
    ['a name is missing', `${one}\n${rest}`, 'the file lacks name'],
    ['the YAML is broken', 'name: [', 'w.yaml:1:'],
    [
      'a statement does not exist',
      `name: x\n${one}\ntransactions:\n  - { name: a, steps: [two] }`,
      'w.yaml:4:24: there is no statement "two"; statements are one',
    ],
    [
      'parameters are missing',
      `name: x\nstatements:\n  one: { sql: "SELECT $2", parameters: [1] }\n${rest}`,
      'w.yaml:3:8: the statement uses $1 to $2, and 1 parameters are given',
    ],
    [
      'the kind of a generator is unknown',
      `name: x\nstatements:\n  one: { sql: "SELECT $1", parameters: [{ generate: colour }] }\n${rest}`,
      'must be one of "integer", "number", "text", "uuid", "sequence", "timestamp", "choice"',
    ],
    [
      'a generator has no kind',
      `name: x\nstatements:\n  one: { sql: "SELECT $1", parameters: [{ integer: 1 }] }\n${rest}`,
      'a problem:\n  w.yaml:3:41: statements.one.parameters[0] lacks generate',
    ],
    [
      'a generator lacks a property',
      `name: x\nstatements:\n  one: { sql: "SELECT $1", parameters: [{ generate: integer, min: 1 }] }\n${rest}`,
      'w.yaml:3:41: statements.one.parameters[0] lacks max',
    ],
    [
      'a range is empty',
      `name: x\nstatements:\n  one: { sql: "SELECT $1", parameters: [{ generate: integer, min: 2, max: 1 }] }\n${rest}`,
      'min is 2, which is more than max, 1',
    ],
    [
      'a weight is 0',
      `name: x\n${one}\ntransactions: [{ name: a, weight: 0, steps: [one] }]`,
      'transactions[0].weight',
    ],
  ] as const) {
    test(`reports the position of ${what}`, () => {
      assert.throws(
        () => parseWorkload(text, 'w.yaml'),
        (error: Error) => {
          assert(error.message.includes(expected), error.message);
          return true;
        },
      );
    });
  }

  test('every problem is reported at once', () => {
    assert.throws(() => parseWorkload('foo: 1\nbar: 2\n', 'w.yaml'), /"foo"[\s\S]*"bar"/);
  });

  test('weights determine the frequency of a transaction', () => {
    const workload = new Workload(
      parseWorkload(
        `name: x\n${one}\ntransactions:\n  - { name: often, weight: 9, steps: [one] }\n  - { name: seldom, steps: [one] }\n`,
        'w.yaml',
      ),
      's',
    );
    const picked = Array.from({ length: 10_000 }, () => workload.pick().name);
    const seldom = picked.filter((name) => name === 'seldom').length;
    assert(seldom > 800 && seldom < 1200, `${seldom} of 10000`);
  });

  test('a transaction of several statements is between BEGIN and COMMIT, unless the file says otherwise', () => {
    const texts = (explicit: string): string[] =>
      new Workload(
        parseWorkload(
          `name: x\n${one}\ntransactions:\n  - { name: a${explicit}, steps: [one, { think: 5 }, { statement: one, repeat: 2 }] }\n`,
          'w.yaml',
        ),
        's',
      ).transactions[0]?.steps.map((step) =>
        typeof step === 'number' ? `${step} ms` : step.text,
      ) ?? [];
    const inner = ['SELECT 1', '5 ms', 'SELECT 1', 'SELECT 1'];
    assert.deepEqual(texts(''), ['BEGIN', ...inner, 'COMMIT']);
    assert.deepEqual(texts(', explicit: false'), inner);
  });
});

suite('values of parameters', () => {
  const many = (make: () => unknown): unknown[] => Array.from({ length: 2000 }, make);

  test('integers stay in their range, and reach its ends', () => {
    const values = many(valueMaker({ generate: 'integer', min: 3, max: 5 })) as number[];
    assert.deepEqual(
      [...new Set(values)].toSorted((a, b) => a - b),
      [3, 4, 5],
    );
  });

  test('with Zipf’s law the first value is the most frequent, and the last occurs', () => {
    const values = many(
      valueMaker({ generate: 'integer', min: 1, max: 4, distribution: 'zipf' }),
    ) as number[];
    const counts = [1, 2, 3, 4].map((value) => values.filter((each) => each === value).length);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => b - a),
    );
    assert((counts[3] ?? 0) > 0);
  });

  test('a sequence never repeats, a text has its length, a timestamp is in the past', () => {
    assert.deepEqual(many(valueMaker({ generate: 'sequence', start: 7 })).slice(0, 3), [7, 8, 9]);
    assert.equal(String(valueMaker({ generate: 'text', length: 33 })()).length, 33);
    const moment = valueMaker({ generate: 'timestamp', withinDays: 1 })() as Date;
    assert(moment <= new Date() && moment.getTime() > Date.now() - 90_000_000);
    assert.match(String(valueMaker({ generate: 'uuid' })()), /^[0-9a-f-]{36}$/);
    assert.equal(valueMaker('constant')(), 'constant');
  });
});
