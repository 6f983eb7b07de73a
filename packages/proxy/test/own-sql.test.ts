import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { before, suite, test } from 'node:test';
import {
  channelsSql,
  listenSql,
  notifySql,
  unlistenSql,
} from '../src/listen-notify/notification.ts';
import { loginFactsSql } from '../src/pool/login-facts.ts';
import { resetSql, seedSql } from '../src/backend/reset-sql.ts';
import { underSql } from '../src/statements/meaning.ts';
import { ParameterSet } from '../src/parameters/parameter-set.ts';
import { disarmedSql } from '../src/parameters/own-timeouts.ts';
import { readAll, readSome } from '../src/parameters/read-back-sql.ts';
import { replaySql, startValuesOf } from '../src/parameters/replay-sql.ts';
import { probeSql } from '../src/pinning/session-probe.ts';
import { restorationsOf, setIfReset } from '../src/parameters/start-values.ts';
import { classify, loadParser } from '../src/sql/index.ts';
import { listOf, nodeOf, parse, stringOf } from '../src/sql/parser.ts';
import { capacitySql, plainRoleSql, roleSql } from '../src/targets/role.ts';

const source = path.resolve(import.meta.dirname, '../src');

const setOf = (values: Record<string, string>): ParameterSet =>
  new ParameterSet('', new Map(Object.entries(values)), 0);
const hard = setOf({
  'app.\xe9': '\xfc\\',
  datestyle: "a'b",
  role: 'x',
  search_path: 'a,"b"',
  seed: 'x',
  session_authorization: 'y',
  statement_timeout: '5s',
  transaction_isolation: 'serializable',
});
const names = [...hard.values.keys()];

/** The proxy's statements, by the file that creates them. */
const texts = (): Readonly<Record<string, readonly string[]>> => ({
  'listen-notify/notification.ts': [
    channelsSql,
    listenSql(['a"b']),
    unlistenSql('a'),
    notifySql('a', 'b'),
  ],
  'backend/reset-sql.ts': [resetSql(0.5), seedSql(-0.5)],
  'statements/meaning.ts': Object.values(underSql(hard.meaning(true).values)),
  'parameters/own-timeouts.ts': [disarmedSql(['SELECT 1'], '18.4'), disarmedSql([], '13.2')],
  'parameters/read-back-sql.ts': [
    readSome(names, [], false),
    readSome([], names, true),
    readAll(names, names, false),
    readAll([], [], true),
  ],
  'parameters/replay-sql.ts': [
    replaySql(hard, setOf({ work_mem: '1MB' })),
    replaySql(null, hard),
    startValuesOf(setOf({ work_mem: '1MB' }), hard, () => true).sql,
  ],
  'statements/restoring.ts': [],
  'pinning/session-probe.ts': [probeSql(["a'b"]), probeSql([])],
  'pinning/session-sequences.ts': ['SELECT pg_catalog.lastval()'],
  'parameters/start-values.ts': [
    ...setIfReset(names, { start: hard.values, current: hard.values }, false),
    ...['DISCARD ALL', 'RESET ALL', "SELECT set_config('role', a, false)"].flatMap((text) =>
      restorationsOf(classify(text), {
        start: hard.values,
        current: hard.values,
        bodyOf: () => undefined,
      }).flatMap(({ statements }) => statements),
    ),
  ],
  'targets/role.ts': [roleSql, plainRoleSql, capacitySql],
});
/** The operator's SQL, of which a setting's text has an example. */
const operators = new Set(['settings/table/credentials.ts']);
/** Amazon does not document the schemas of its functions. */
const undocumented = new Set(['targets/topology.ts']);
/** Statements inside code: their names are checked in the source. */
const inCode = new Set(['session/aim.ts', 'targets/target-group.ts']);
/** These read catalogs with their own search_path, which the first statement of the same Query sets. */
const underOwnPath = new Set([
  'pool/login-facts.ts',
  'pool/start-value-query.ts',
  'stored-code/stored-code-sql.ts',
]);

/** Names below a node whose meaning depends on search_path or the types of a database. */
function unqualified(value: unknown, found: string[] = []): string[] {
  if (Array.isArray(value)) {
    for (const item of value) unqualified(item, found);
    return found;
  }
  const node = nodeOf(value);
  const isBare = (list: unknown): boolean =>
    listOf(list).length > 0 &&
    stringOf(nodeOf(nodeOf(listOf(list)[0])['String'])['sval']) !== 'pg_catalog';
  for (const key of ['funcname', 'operName', 'useOp'])
    if (isBare(node[key])) found.push(JSON.stringify(node[key]));
  const typed = nodeOf(node['TypeName'] ?? node['typeName']);
  if (isBare(typed['names'])) found.push(JSON.stringify(typed['names']));
  const operator = nodeOf(node['A_Expr']);
  if (isBare(operator['name'])) found.push(JSON.stringify(operator['name']));
  const relation = nodeOf(node['RangeVar']);
  if (relation['relname'] !== undefined && relation['schemaname'] !== 'pg_catalog')
    found.push(stringOf(relation['relname']) ?? '');
  for (const child of Object.values(node))
    if (typeof child === 'object' && child !== null) unqualified(child, found);
  return found;
}

suite("the proxy's own SQL", () => {
  before(loadParser);

  for (const file of Object.keys(texts()))
    test(`${file} qualifies every function, operator, type and relation`, () => {
      for (const text of texts()[file] ?? []) {
        const parsed = parse(text);
        assert(typeof parsed !== 'string', text);
        assert.deepEqual(unqualified(parsed.map(({ node }) => node)), [], text);
        assert.match(text, /^\p{ASCII}*$/u);
      }
    });

  test('unqualified names are found', () => {
    for (const text of [
      'SELECT lower(a)',
      'SELECT a = b',
      'SELECT a IN (b)',
      "SELECT '1'::text",
      'SELECT FROM pg_class',
      'SELECT a = ANY (b)',
      "SELECT a LIKE 'b'",
    ]) {
      const parsed = parse(text);
      assert(typeof parsed !== 'string');
      assert.notDeepEqual(unqualified(parsed.map(({ node }) => node)), [], text);
    }
  });

  test('a query with its own search_path sets it first', () => {
    assert.match(
      loginFactsSql('a', 'b'),
      /^SELECT [^;]*pg_catalog\.set_config\('search_path', 'pg_catalog, pg_temp', true\);/,
    );
  });

  test('no other file contains SQL', async () => {
    const known = new Set([
      ...Object.keys(texts()),
      ...operators,
      ...undocumented,
      ...inCode,
      ...underOwnPath,
    ]);
    const files = await readdir(source, { recursive: true });
    for (const file of files) {
      if (!file.endsWith('.ts') || known.has(file)) continue;
      const text = await readFile(path.join(source, file), 'utf8');
      const code = text.replaceAll(/\/\*[^]*?\*\/|\/\/[^\n]*/g, '');
      // A literal that starts with a catalog query.
      assert.doesNotMatch(code, /["'`](?:SELECT|WITH)\s+(?!1["'`])[^"'`]*(?:\(|\bFROM\b)/, file);
    }
  });
});
