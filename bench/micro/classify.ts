/**
 * The cost of one call of the classifier, by the path of a text through it:
 *
 *     node bench/micro/classify.ts
 */
import { classifyBytes, loadParser } from '../../packages/proxy/src/sql/index.ts';

const rounds = 7;

interface Row {
  readonly name: string;
  /** The texts of one round. If the classifier must not know them, they differ from round to round. */
  readonly texts: (round: number) => readonly string[];
  /** How often one round repeats them. */
  readonly turns: number;
}

const always = (text: string) => (): string[] => [text];

/** Texts with numbers that no other round uses. */
const fresh =
  (count: number, text: (n: number) => string) =>
  (round: number): string[] =>
    Array.from({ length: count }, (_, index) => text(1e6 + round * count + index));

const tuples = Array.from({ length: 20_000 }, (_, n) => `(${n},'x')`).join();
const columns = 'column_name, '.repeat(78);

const rows: readonly Row[] = [
  { name: 'remembered text, 5 bytes', texts: always('begin'), turns: 2e6 },
  {
    name: 'remembered text, 50 bytes',
    texts: always('SELECT abalance FROM pgbench_accounts WHERE aid=$1'),
    turns: 2e6,
  },
  { name: 'remembered text, 1 KiB', texts: always(`select ${columns}1 from t`), turns: 2e5 },
  {
    name: 'fresh literal, 50 bytes, the lexer is sure',
    texts: fresh(200_000, (n) => `SELECT abalance FROM accounts WHERE aid = ${n};`),
    turns: 1,
  },
  {
    name: 'fresh literals, 70 bytes, by shape',
    texts: fresh(
      200_000,
      (n) => `SELECT id FROM my_function(${n}) AS f (id, name) WHERE name = 'x${n}'`,
    ),
    turns: 1,
  },
  {
    name: 'fresh literal that matters, parsed',
    texts: fresh(5_000, (n) => `SELECT set_config('app.user_id', '${n}', true)`),
    turns: 1,
  },
  {
    name: 'new shape, parsed',
    texts: fresh(5_000, (n) => `SELECT a, f${n}(b) FROM t WHERE c = 1`),
    turns: 1,
  },
  {
    name: 'INSERT of 20,000 rows, 250 KB',
    texts: fresh(20, (n) => `INSERT INTO "public"."events" ("id","kind") VALUES ${tuples},(${n})`),
    turns: 1,
  },
];

/** Nanoseconds of CPU time per call, so that a busy machine matters less; the median of several rounds. */
function measure(row: Row): number {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const texts = row.texts(round).map((text) => Buffer.from(text));
    const start = process.cpuUsage();
    for (let turn = 0; turn < row.turns; turn += 1) {
      for (const text of texts) classifyBytes(text, 0, text.length);
    }
    const { user, system } = process.cpuUsage(start);
    samples.push(((user + system) * 1000) / (row.turns * texts.length));
  }
  return samples.sort((a, b) => a - b)[rounds >> 1] ?? 0;
}

await loadParser();
console.log(`${'text'.padEnd(46)}${'CPU ns per call'.padStart(17)}`);
for (const row of rows) {
  console.log(
    `${row.name.padEnd(46)}${Math.round(measure(row)).toLocaleString('en').padStart(17)}`,
  );
}
