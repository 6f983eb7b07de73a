/**
 * Makes packages/proxy/src/sql/known-functions.ts from the catalogues of real servers:
 *
 *     node scripts/list-known-functions.ts postgres://…/14 postgres://…/15 …
 *
 * Give one server of every supported major version: only what all of them know is listed, because a
 * name that an older server lacks may there be a user's own function.
 */
import { writeFileSync } from 'node:fs';
import { Client } from 'pg';

const output = new URL('../packages/proxy/src/sql/known-functions.ts', import.meta.url);

// Functions that SQL cannot call, or that only serve a type's input and output, are left out.
const functionsQuery = `
  select p.proname as name, bool_or(p.provolatile = 'v') as volatile
    from pg_proc p
   where p.pronamespace = 'pg_catalog'::regnamespace
     and p.prokind <> 'p'
     and p.prorettype::regtype::text not in
         ('internal', 'trigger', 'event_trigger', 'language_handler', 'fdw_handler', 'tsm_handler',
          'index_am_handler', 'table_am_handler', 'cstring')
     and p.proname !~ '_validator$'
     and not p.proargtypes::oid[] && array['internal'::regtype, 'cstring'::regtype]::oid[]
   group by p.proname`;

const operatorsQuery = `
  select o.oprname as name, bool_or(p.provolatile = 'v') as volatile
    from pg_operator o join pg_proc p on p.oid = o.oprcode
   where o.oprnamespace = 'pg_catalog'::regnamespace
   group by o.oprname`;

interface Row {
  readonly name: string;
  readonly volatile: boolean;
}

/** Keeps the names that every list has; one that is volatile anywhere is volatile. */
function common(lists: readonly (readonly Row[])[]): Row[] {
  const [first = [], ...others] = lists.map(
    (rows) => new Map(rows.map((row) => [row.name, row.volatile])),
  );
  return [...first]
    .filter(([name]) => others.every((rows) => rows.has(name)))
    .map(([name, volatile]) => ({
      name,
      volatile: volatile || others.some((rows) => rows.get(name) === true),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Lines of space-separated names, as the body of a template literal. */
function wrap(names: readonly string[]): string {
  const lines: string[] = [];
  let line = '';
  for (const name of names) {
    if (line.length + name.length > 96) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? name : ` ${name}`;
  }
  return [...lines, line].join('\n').replaceAll('`', '\\`');
}

const urls = process.argv.slice(2);
if (urls.length === 0) {
  console.error(
    'usage: node scripts/list-known-functions.ts URL... (one server per major version)',
  );
  process.exit(2);
}
const functions: Row[][] = [];
const operators: Row[][] = [];
const versions: string[] = [];
for (const url of urls) {
  const client = new Client(url);
  await client.connect();
  functions.push((await client.query<Row>(functionsQuery)).rows);
  operators.push((await client.query<Row>(operatorsQuery)).rows);
  versions.push(
    (await client.query<{ server_version: string }>('show server_version')).rows[0]
      ?.server_version ?? '?',
  );
  await client.end();
}
const known = common(functions);
const names = (volatile: boolean): string =>
  wrap(known.filter((row) => row.volatile === volatile).map((row) => row.name));
const operatorNames = common(operators)
  .filter((row) => !row.volatile)
  .map((row) => row.name);

writeFileSync(
  output,
  `// Made by scripts/list-known-functions.ts from PostgreSQL ${versions.join(', ')}. Not edited by hand.

const words = (list: string): readonly string[] => list.trim().split(/\\s+/);

/** Functions of pg_catalog of which every overload is immutable or stable, in every version. */
export const steadyFunctions: readonly string[] = words(\`
${names(false)}
\`);

/** Functions of pg_catalog of which some overload is volatile in some version. */
export const volatileFunctions: readonly string[] = words(\`
${names(true)}
\`);

/** Operators of pg_catalog; none of them is volatile. */
export const knownOperators: readonly string[] = words(\`
${wrap(operatorNames)}
\`);
`,
);
