import * as messages from '../../helpers/messages.ts';
import type { Case } from './case.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** Statements of every kind. None affects the database, or a table of the bystanders. */
const statements = [
  '',
  ';',
  'SELECT 1',
  'SELECT 1; SELECT 2',
  "SELECT 'text', NULL, 3.5",
  'SELECT generate_series(1, 30)',
  "SELECT repeat('x', 9000)",
  'SELECT 1/0',
  'SELEC',
  'SELECT $1::int',
  'SELECT $1::text, $2::text',
  'SELECT pg_sleep(0.002)',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'BEGIN; SELECT 1; COMMIT',
  'SAVEPOINT a',
  'ROLLBACK TO a',
  "SET work_mem = '1MB'",
  "SET LOCAL work_mem = '2MB'",
  "SET app.who = 'mallory'",
  "SELECT set_config('app.who', 'mallory', false)",
  "SET application_name = 'mallory'",
  "SET client_encoding = 'LATIN1'",
  'SET search_path = pg_temp, public',
  'SET standard_conforming_strings = off',
  'RESET ALL',
  'DISCARD ALL',
  'LISTEN gossip',
  "NOTIFY gossip, 'news'",
  'UNLISTEN *',
  'CREATE TEMP TABLE IF NOT EXISTS scratch (a int)',
  'INSERT INTO scratch VALUES (1)',
  'COPY scratch FROM STDIN',
  'COPY (SELECT generate_series(1, 20)) TO STDOUT',
  'PREPARE mine AS SELECT $1::int',
  'EXECUTE mine(3)',
  'DEALLOCATE mine',
  'DEALLOCATE ALL',
  'DECLARE reader CURSOR FOR SELECT generate_series(1, 9)',
  'DECLARE reader CURSOR WITH HOLD FOR SELECT generate_series(1, 9)',
  'FETCH 2 FROM reader',
  'CLOSE ALL',
  "DO $$BEGIN PERFORM set_config('app.who', 'mallory', false); END$$",
  'SELECT pg_try_advisory_lock(7)',
  'SELECT pg_advisory_unlock_all()',
  "/* ' */ SELECT $$a$$, U&'\\0041', e'\\''",
];

const names = ['', '', '', 'a', 'b', 'a long name, and a\ttab', 'sluice_1', 'é'];
const values = ['1', '2', 'text', '', null];

function statement(random: Random): string {
  return random.pick(statements);
}

const kinds: readonly ((random: Random) => Buffer)[] = [
  (random) => messages.query(statement(random)),
  (random) => messages.query(statement(random)),
  (random) => messages.parse(random.pick(names), statement(random), random.chance(0.2) ? [23] : []),
  (random) =>
    messages.bind(
      random.pick(names),
      Array.from({ length: random.below(3) }, () => random.pick(values)),
      { portal: random.pick(names), binary: random.chance(0.3) },
    ),
  (random) => messages.describe(random.pick(['S', 'P']), random.pick(names)),
  (random) => messages.close(random.pick(['S', 'P']), random.pick(names)),
  (random) => messages.execute(random.pick(names), random.pick([0, 0, 1, 5])),
  () => messages.sync,
  () => messages.sync,
  () => messages.flush,
  () => messages.copyData('1\n2\n'),
  () => messages.copyDone,
  () => messages.copyFail('no more'),
  (random) => messages.functionCall(random.pick([2026, 1397, 0]), ['1']),
  (random) => messages.message('p', messages.cstring(random.pick(['', 'password']))),
  () => messages.terminate,
];

/** One of the ways in which drivers run a statement. */
function cycle(random: Random): readonly Buffer[] {
  const name = random.pick(names);
  const ways: readonly (() => readonly Buffer[])[] = [
    () => [messages.query(statement(random))],
    () => [
      messages.parse(name, statement(random)),
      messages.describe('S', name),
      messages.bind(name, [random.pick(values)]),
      messages.execute(),
      messages.sync,
    ],
    () => [messages.parse(name, statement(random)), messages.sync],
    () => [messages.bind(name), messages.describe('P'), messages.execute(), messages.sync],
    () => [
      messages.query('COPY scratch FROM STDIN'),
      messages.copyData('1\n'),
      random.pick([messages.copyDone, messages.copyFail('no')]),
    ],
    () => Array.from({ length: random.between(1, 6) }, () => random.pick(kinds)(random)),
  ];
  return random.pick(ways)();
}

/** What a hostile client sends after its login. */
export function clientSession(random: Random, seed: number): Case {
  const wellFormed = Array.from({ length: random.between(1, 4) }, () => cycle(random)).flat();
  const parts = mutate(random, wellFormed, () => random.pick(kinds)(random));
  const ending = random.pick(['wait', 'wait', 'wait', 'wait', 'reset', 'close'] as const);
  return { moment: 'client session', seed, parts, ending };
}

const startupParameters: readonly (readonly [string, string])[] = [
  ['application_name', 'till'],
  ['options', '-c work_mem=1MB'],
  ['options', '-c geqo=off --work_mem=2MB -c'],
  ['options', '\\ \\\\ -'],
  ['client_encoding', 'LATIN1'],
  ['client_encoding', 'nonsense'],
  ['replication', 'database'],
  ['replication', 'nonsense'],
  ['_pq_.nonsense', '1'],
  ['search_path', 'public'],
  ['', ''],
];

const startupKinds: readonly ((random: Random) => Buffer)[] = [
  (random) =>
    messages.startupPacket(
      {
        user: random.pick(['ann', 'ann_trusted', 'nobody', '']),
        database: random.pick(['shop', 'shop', 'nowhere', '']),
        ...Object.fromEntries(
          Array.from({ length: random.below(4) }, () => random.pick(startupParameters)),
        ),
      },
      random.pick([0x30000, 0x30000, 0x30002, 0x30063, 0x20000, 0]),
    ),
  () => messages.sslRequest,
  () => messages.gssEncRequest,
  (random) =>
    messages.cancelPacket({
      pid: random.below(2 ** 31),
      secret: random.bytes(random.pick([0, 4, 32, 256, 300])),
    }),
  (random) => {
    const first = Buffer.from(
      random.pick(['n,,n=,r=nonce', 'y,,n=,r=', 'p=tls-server-end-point,,n=,r=a', '']),
    );
    return messages.message(
      'p',
      messages.cstring(random.pick(['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'PLAIN'])),
      messages.int32(first.length),
      first,
    );
  },
  (random) =>
    messages.message('p', Buffer.from(random.pick(['c=biws,r=nonce,p=AAAA', 'c=,r=,p=', 'x']))),
  () => messages.query('SELECT 1'),
  () => messages.terminate,
];

/** What a hostile client sends before its login. */
export function clientStartup(random: Random, seed: number): Case {
  const makeMore = (): Buffer => random.pick(startupKinds)(random);
  const wellFormed = [
    ...(random.chance(0.3) ? [messages.sslRequest] : []),
    ...(random.chance(0.2) ? [messages.gssEncRequest] : []),
    ...Array.from({ length: random.between(1, 3) }, makeMore),
  ];
  const ending = random.pick(['wait', 'wait', 'reset', 'close'] as const);
  return { moment: 'client startup', seed, parts: mutate(random, wellFormed, makeMore), ending };
}
