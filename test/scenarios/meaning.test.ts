import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, message, summary, sync } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

/* The meaning of a literal is decided when its statement is prepared, and stays the same on every connection. */

/** A parameter, its value when the statement is prepared, a later value, and a literal whose meaning depends on it. */
const cases: readonly (readonly [name: string, then: string, now: string, text: string])[] = [
  ['DateStyle', "'ISO, MDY'", "'ISO, DMY'", "SELECT '01/02/2026'::date"],
  ['DateStyle', 'DEFAULT', "'ISO, DMY'", "SELECT '01/02/2026'::date"],
  [
    'IntervalStyle',
    'postgres',
    'sql_standard',
    "SELECT '-1 1:00:00'::interval < '-1 day'::interval",
  ],
  ['TimeZone', "'UTC'", "'Asia/Tokyo'", "SELECT '2026-01-01'::timestamptz = '2026-01-01 00:00Z'"],
  ['array_nulls', 'on', 'off', "SELECT ('{NULL}'::text[])[1] IS NULL"],
  ['transform_null_equals', 'off', 'on', 'SELECT (1 = NULL) IS NULL'],
  ['xmloption', 'content', 'document', 'SELECT $$a$$::text'],
  ['client_encoding', "'LATIN1'", "'UTF8'", "SELECT ascii('\xe9')"],
];

/** Occupies the client's last connection, so that the other one of two serves it. */
async function moves(route: Route, client: RawClient, t: Owner): Promise<void> {
  if (route.isDirect) return;
  const had = await client.value('SELECT pg_backend_pid()');
  const holders = [await route.login(t), await route.login(t)];
  for (const holder of holders) {
    await holder.query('BEGIN');
    if ((await holder.value('SELECT pg_backend_pid()')) === had) break;
  }
  const [first] = holders;
  // The second had to occupy it: the first leaves the client its own.
  if ((await first?.value('SELECT pg_backend_pid()')) !== had) await first?.query('ROLLBACK');
}

/** A text as bytes, which is only valid in the client's encoding. */
const prepare = (name: string, text: string): Buffer =>
  message('P', Buffer.from(`${name}\0${text}\0\0\0`, 'latin1'));

declare('what a literal means', { PoolSize: 2 });
declare('what a literal means, interleaved', { PoolSize: 2, Interleaving: 'always' });

function declare(title: string, settings: Readonly<Record<string, unknown>>): void {
  onEachRoute(title, { settings, sample: onOneRuntime }, (route) => {
    for (const [name, then, now, text] of cases) {
      for (const inTransaction of [false, true])
        test(`${name} ${then}, ${now} later${inTransaction ? ', in a transaction' : ''}: ${text}`, async (t) => {
          const client = await route().login(t);
          await client.query(`SET ${name} = ${then}`);
          client.send(prepare('a', text), bind('a'), execute(), sync);
          const before = summary(await client.ready());
          assert.match(before, /^1 \| 2 \| D .* \| C SELECT 1 \| Z I$/);
          await client.query(`SET ${name} = ${now}`);
          await moves(route(), client, t);
          if (inTransaction) await client.query('BEGIN');
          client.send(bind('a'), execute(), sync);
          const after = summary(await client.ready());
          assert.equal(
            after,
            before.replace('1 | ', '').replace('Z I', inTransaction ? 'Z T' : 'Z I'),
          );
          const shown = await client.value(`SHOW ${name}`);
          assert.equal(shown, now.replaceAll("'", ''));
          if (inTransaction) await client.query('COMMIT');
          assert.equal(await client.value(`SHOW ${name}`), shown);
        });

      test(`${name} ${then}, ${now} later, of PREPARE: ${text}`, async (t) => {
        const client = await route().login(t);
        await client.query(`SET ${name} = ${then}`);
        client.send(message('Q', Buffer.from(`PREPARE a AS ${text}\0`, 'latin1')));
        await client.ready();
        const before = await client.value('EXECUTE a');
        await client.query(`SET ${name} = ${now}`);
        await moves(route(), client, t);
        assert.equal(await client.value('EXECUTE a'), before);
        assert.equal(await client.value(`SHOW ${name}`), now.replaceAll("'", ''));
      });
    }
  });
}
