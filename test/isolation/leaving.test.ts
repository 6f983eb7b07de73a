import { test } from 'node:test';
import { onEachRoute } from '../helpers/routes.ts';

/** A function of PostgreSQL after which its session is in a backup, which only the end of the session ends. */
function source(version: number): readonly [signature: string, call: string] {
  return version < 150_000
    ? ['pg_start_backup(text, boolean, boolean)', "('b', true, false)"]
    : ['pg_backup_start(text, boolean)', "('b', true)"];
}

for (const PinNotice of [false, true])
  onEachRoute(
    `a session that leaves before the code that it has run is known${PinNotice ? ', with PinNotice' : ''}`,
    { settings: { PoolSize: 1, PinNotice } },
    (route) => {
      for (const by of ['itself', 'another'] as const)
        for (const many of [true, false])
          test(`a function of ${by} whose state no reset removes${many ? ', after many others' : ''}`, async (t) => {
            const begun = `begun_by_${by}_${many ? 'last' : 'alone'}_${route().name}`;
            const client = await route().login(t);
            const version = Number(await client.value('SHOW server_version_num'));
            const [signature, call] = source(version);
            const [name = ''] = signature.split('(');
            const create = `CREATE FUNCTION ${signature.replace(name, begun)} RETURNS pg_lsn LANGUAGE internal AS '${name}'`;
            const other = `CREATE FUNCTION ${begun}_too() RETURNS int LANGUAGE sql AS 'SELECT 1'`;
            for (const statement of [create, other])
              if (by === 'itself') await client.rows(statement);
              else await route().database.query(statement);
            // More than the proxy keeps until it has read the code.
            for (let at = 0; at < (many ? 110 : 0); at += 1)
              await client.rows(`SELECT ${at}, ${begun}_too()`);
            await client.rows(`SELECT ${begun}${call}`);
            // With many, it makes room instead: then the code is read first.
            if (!many) await client.end();
            const next = await route().login(t);
            await next.rows(`SELECT ${name}${call}`);
            await next.end();
          });
    },
  );
