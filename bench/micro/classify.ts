/**
 * What one call of the classifier costs, by the way a text takes through it:
 *
 *     node bench/micro/classify.ts
 */
import { classifyBytes, loadParser } from '../../packages/proxy/src/sql/index.ts';

const rounds = 7;

/** Buffers with this many different texts are gone through in turn. */
interface Row {
  readonly name: string;
  readonly texts: readonly string[];
  /** How often the list is gone through in one round; 1 when a second time would find it remembered. */
  readonly turns: number;
}

const numbers = (count: number, from: number, text: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => text(from + index));

const select = (n: number): string => `SELECT abalance FROM accounts WHERE aid = ${n};`;
const insert = `INSERT INTO "public"."events" ("id","kind") VALUES ${numbers(20_000, 1, (n) => `(${n},'x')`).join()}`;

const rows: readonly Row[] = [
  { name: 'remembered text, 5 bytes', texts: ['begin'], turns: 2e6 },
  {
    name: 'remembered text, 48 bytes',
    texts: ['SELECT abalance FROM accounts WHERE aid = $1 or 1'],
    turns: 2e6,
  },
  {
    name: 'remembered text, 1 KiB',
    texts: [`select ${'column_name, '.repeat(78)}1 from t`],
    turns: 2e5,
  },
  { name: 'fresh literals, 48 bytes, lexer sure', texts: numbers(200_000, 1e6, select), turns: 1 },
  {
    name: 'fresh literals, 70 bytes, by shape',
    texts: numbers(
      200_000,
      1e6,
      (n) => `SELECT id FROM my_function(${n}) AS f (id, name) WHERE name = 'x${n}'`,
    ),
    turns: 1,
  },
  {
    name: 'fresh literals that matter, parsed',
    texts: numbers(5_000, 1e6, (n) => `SELECT set_config('app.user_id', '${n}', true)`),
    turns: 1,
  },
  {
    name: 'new shapes, parsed',
    texts: numbers(5_000, 1, (n) => `SELECT a${n}, f${n}(b) FROM t${n} WHERE c = 1`),
    turns: 1,
  },
  {
    name: 'INSERT of 20,000 rows, 250 KB',
    texts: numbers(20, 1, (n) => `${insert},(${n})`),
    turns: 1,
  },
];

/** Nanoseconds per call; the median of several rounds over texts that differ from round to round. */
function measure(row: Row): number {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // A space before the text makes it new to the cache without changing its shape or its cost much.
    const texts = row.texts.map((text) =>
      Buffer.from(row.turns === 1 ? ' '.repeat(round) + text : text),
    );
    const start = process.hrtime.bigint();
    for (let turn = 0; turn < row.turns; turn += 1) {
      for (const text of texts) classifyBytes(text, 0, text.length);
    }
    samples.push(Number(process.hrtime.bigint() - start) / (row.turns * texts.length));
  }
  return samples.sort((a, b) => a - b)[rounds >> 1] ?? 0;
}

await loadParser();
console.log(`${'text'.padEnd(40)}${'ns per call'.padStart(14)}`);
for (const row of rows) {
  console.log(
    `${row.name.padEnd(40)}${Math.round(measure(row)).toLocaleString('en').padStart(14)}`,
  );
}
