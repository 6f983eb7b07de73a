import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { fieldsOf } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute } from '../helpers/routes.ts';
import { housekeeping } from './housekeeping.ts';

const page = path.resolve(import.meta.dirname, '../../docs/pinning.md');

/** All of its own state that a session can see, to compare it with a session that has done nothing. */
const state = `SELECT current_user, session_user,
  (SELECT string_agg(name || '=' || coalesce(setting, ''), E'\\n' ORDER BY name)
    FROM pg_settings WHERE name NOT LIKE 'transaction_%'),
  (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
  (SELECT count(*) FROM pg_prepared_statements WHERE from_sql),
  (SELECT count(*) FROM pg_cursors), (SELECT count(*) FROM pg_listening_channels())`;

async function succeeds(client: RawClient, request: Buffer): Promise<void> {
  client.send(request);
  const error = (await client.ready()).find(({ code }) => code === 'E');
  assert.equal(error && fieldsOf(error)['M'], undefined);
}

onEachRoute(
  'housekeeping of drivers does not pin',
  // One connection: while it is pinned, no other session is served.
  { settings: { PoolSize: 1, ConnectionBorrowTimeout: 30 }, routes: ['node'] },
  (route) => {
    for (const { client, requests, shows } of housekeeping) {
      test(client, async (t) => {
        const untouched = await (await route().login(t)).rows(state);
        const session = await route().login(t);
        const other = await route().login(t);
        const pins = await route().sluice.metric('sluice_session_pins_total');

        for (const request of requests) await succeeds(session, request);

        assert.deepEqual(await other.rows(state), untouched, 'another client sees the state');
        const [text, value] = shows;
        assert.equal(await session.value(text), value, 'the session has lost its state');
        assert.deepEqual(await other.rows(state), untouched, 'another client sees the state later');
        assert.equal(await route().sluice.metric('sluice_session_pins_total'), pins, 'pins');
      });
    }

    test('docs/pinning.md lists the same clients, each with 0 pins', async () => {
      const rows = (await readFile(page, 'utf8'))
        .split('\n')
        .filter((line) => line.startsWith('| '))
        .map((line) => line.split('|').map((cell) => cell.trim()))
        .filter((cells) => cells.at(-2) === '0')
        .map((cells) => cells[1]);
      assert.deepEqual(
        rows,
        housekeeping.map(({ client }) => client),
      );
    });
  },
);
