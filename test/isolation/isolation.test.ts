import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sampleOf, triesAll } from '../helpers/extent.ts';
import type { Lane } from '../equivalence/lane.ts';
import type { Script } from '../equivalence/script.ts';
import { Stage } from '../equivalence/stage.ts';
import { storedCodeRuns } from '../equivalence/stored-code.ts';
import { findingText } from '../equivalence/property.ts';

/*
 * A session leaves state on its connection, and another session borrows the connection: it must find what a new
 * connection has. Both are compared with direct connections as well.
 */

/** Statements that leave state, by the kind of state. */
const leaving: Readonly<Record<string, readonly string[]>> = {
  // The sample has every route, with one or two of the three kinds of code.
  'code by every route': sampleOf(storedCodeRuns, 2).map((text) => text.replaceAll('@', '1')),
  'dynamic SQL': [
    "SELECT sets('app.h', 'theirs')",
    "SELECT sets('search_path', 'north')",
    "SELECT sets('role', 'guest')",
    "SELECT run('SET session_replication_role = replica')",
    "SELECT run('CREATE TEMP TABLE place AS SELECT ''own'' AS name')",
    "SELECT run('LISTEN news_1')",
    "SELECT run('PREPARE a AS SELECT 1')",
    "SELECT run('DECLARE far CURSOR WITH HOLD FOR SELECT 1')",
    'SELECT closes()',
  ],
  'state that no reset removes': [
    'SELECT seed()',
    'SELECT setseed(0.42)',
    "SELECT run('SELECT setseed(0.42)')",
    'SELECT link()',
    "SELECT tcl_keeps('theirs')",
    "LOAD 'auto_explain'",
  ],
  'temporary by path': ['pg_temp', '"pg_temp"', 'pg_temp, public'].flatMap((path) => [
    `SET search_path = ${path}; CREATE VIEW place AS SELECT 'own'::text AS name; RESET search_path`,
    `BEGIN; SET LOCAL search_path = ${path}; CREATE TABLE place AS SELECT 'own'::text AS name; COMMIT`,
    `SELECT set_config('search_path', '${path}', false); SELECT 'own'::text AS name INTO place; RESET search_path`,
  ]),
  'hidden in operators of a user': [
    "SET search_path = ev, pg_catalog; CREATE TEMP TABLE place AS SELECT 'own'::text AS name",
    'SET search_path = ev, pg_catalog; SELECT pg_advisory_lock_shared(79)',
    "SET search_path = ev, pg_catalog; PREPARE a AS SELECT 'own'",
  ],
};

/** Session 1 runs it twice and disconnects; another session gets its connection. */
function scriptOf(text: string): Script {
  const once = { session: 1, send: [{ query: text }] };
  return [
    once,
    once,
    { session: 1, leave: 'terminate' },
    { session: 2, send: [{ query: 'SELECT name FROM place' }] },
    {
      session: 2,
      send: [{ query: "SELECT current_setting('app.h', true), links(), current_user" }],
    },
  ];
}

suite('a session finds the state of a new connection', { concurrency: true }, () => {
  const stage = new Stage();
  after(() => stage.close());
  for (const connections of triesAll ? [1, 2] : [1]) {
    suite(`over ${connections} connections`, { concurrency: false }, () => {
      let lane: Lane;
      before(async () => {
        lane = await stage.pooledLane(connections);
      });
      for (const [what, texts] of Object.entries(leaving)) {
        test(`after ${what}`, async () => {
          const found: string[] = [];
          for (const text of texts) {
            const finding = await lane.compare(scriptOf(text), 'in step');
            if (finding !== null) found.push(findingText(finding));
          }
          assert.equal(found.length, 0, `${found.length} differ:\n${found.join('\n')}`);
        });
      }
    });
  }
});
