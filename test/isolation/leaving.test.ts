import { test } from 'node:test';
import { onEachRoute } from '../helpers/routes.ts';

/** A function of PostgreSQL after which its session is in a backup, which only the end of the session ends. */
const source = (version: number): readonly [name: string, call: string] =>
  version < 150_000
    ? ['pg_start_backup(text, boolean, boolean)', "('b', true, false)"]
    : ['pg_backup_start(text, boolean)', "('b', true)"];

onEachRoute(
  'a session that leaves before the code that it has run is known',
  { settings: { PoolSize: 1 } },
  (route) => {
    for (const by of ['itself', 'another'] as const)
      test(`a function of ${by} whose state no reset removes`, async (t) => {
        const begun = `begun_by_${by}_${route().name}`;
        const client = await route().login(t);
        const version = Number(await client.value('SHOW server_version_num'));
        const [signature, call] = source(version);
        const [name = ''] = signature.split('(');
        const create = `CREATE FUNCTION ${signature.replace(name, begun)} RETURNS pg_lsn LANGUAGE internal AS '${name}'`;
        if (by === 'itself') await client.rows(create);
        else await route().database.query(create);
        await client.rows(`SELECT ${begun}${call}`);
        await client.end();
        const next = await route().login(t);
        await next.rows(`SELECT ${name}${call}`);
        await next.end();
      });
  },
);
