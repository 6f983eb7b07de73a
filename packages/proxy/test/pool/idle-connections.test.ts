import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import type { ParameterSet } from '../../src/parameters/parameter-set.ts';
import { IdleConnections } from '../../src/pool/idle-connections.ts';
import type { Borrower } from '../../src/pool/pool-target.ts';
import { ScriptedServer, ScriptedSource, connectTo } from '../scripted-server.ts';

const sets = new ParameterSets();
const none = sets.acquire([]);
const utc = sets.acquire([['timezone', 'UTC']]);

/** An idle connection with these parameters. */
function resting(source = new ScriptedSource(), parameters: ParameterSet = none): ServerConnection {
  const connection = connectTo(new ScriptedServer(), source);
  connection.state.parametersSet(parameters);
  connection.settle();
  return connection;
}

function idle(...connections: readonly ServerConnection[]): IdleConnections {
  const list = new IdleConnections();
  for (const connection of connections) list.add(connection);
  return list;
}

function borrower(parameters: ParameterSet = none, lastConnection?: ServerConnection): Borrower {
  return {
    parameters,
    lastConnection: lastConnection ?? null,
    waitingSince: 0,
    granted: () => undefined,
    borrowFailed: () => undefined,
  };
}

suite('of the idle connections', () => {
  test('there may be none', () => {
    const list = idle();
    assert.equal(list.take(borrower(), false), null);
    assert.equal(list.take(borrower(), true), null);
    assert.equal(list.oldest, undefined);
    assert.equal(list.size, 0);
  });

  test('the newest is chosen', () => {
    const [first, second] = [resting(), resting()];
    const list = idle(first, second);
    assert.equal(list.take(borrower(), false), second);
    assert.equal(list.take(borrower(), false), first);
    assert.equal(list.size, 0);
  });

  test('one with the parameters of the borrower is chosen, the newest of these', () => {
    const all = [resting(undefined, utc), resting(undefined, utc), resting(), resting()] as const;
    const list = idle(...all);
    assert.equal(list.take(borrower(utc), false), all[1]);
    assert.ok(!list.includes(all[1]));
    assert.equal(list.size, 3);
    assert.equal(list.take(borrower(utc), false), all[0]);
    assert.equal(list.take(borrower(utc), false), all[3]);
  });

  test('only the newest eight are compared', () => {
    const wanted = resting(undefined, utc);
    const others = Array.from({ length: 8 }, () => resting());
    const [, ...seven] = others;
    assert.equal(idle(wanted, ...seven).take(borrower(utc), false), wanted);
    assert.equal(idle(wanted, ...others).take(borrower(utc), false), others.at(-1));
  });

  test('the last connection of the borrower is chosen', () => {
    const [last, newest] = [resting(), resting()];
    assert.equal(idle(last, newest).take(borrower(none, last), false), last);
  });

  test('another is chosen if that one is in use, or in no pool', () => {
    const [last, newest] = [resting(), resting()];
    const list = idle(newest);
    assert.equal(list.take(borrower(none, last), false), newest);
    last.clean();
    assert.equal(idle(last, newest).take(borrower(none, last), false), newest);
  });

  test('none is chosen whose target is suspect', () => {
    const source = new ScriptedSource();
    source.isBorrowable = false;
    const list = idle(resting(source));
    assert.equal(list.take(borrower(), false), null);
    assert.equal(list.size, 1);
  });

  test('one whose target has the least load is chosen, the newest of these', () => {
    const [busy, calm, uncertain] = [
      new ScriptedSource(),
      new ScriptedSource(),
      new ScriptedSource(),
    ];
    busy.load = 2;
    calm.load = 1;
    uncertain.isBorrowable = false;
    const all = [resting(calm), resting(calm), resting(busy), resting(uncertain)] as const;
    const list = idle(...all);
    assert.equal(list.take(borrower(), true), all[1]);
    assert.equal(list.take(borrower(), true), all[0]);
    assert.equal(list.take(borrower(), true), all[2]);
    assert.equal(list.take(borrower(), true), null);
    assert.equal(list.size, 1);
  });

  test('the oldest of one target is found', () => {
    const source = new ScriptedSource();
    const all = [resting(), resting(source), resting(source)] as const;
    const list = idle(...all);
    assert.equal(list.oldest, all[0]);
    assert.equal(list.oldestOf(source), all[1]);
    assert.equal(list.oldestOf(new ScriptedSource()), undefined);
  });

  test('removing a missing one has no effect', () => {
    const [only, stranger] = [resting(), resting()];
    const list = idle(only);
    list.delete(stranger);
    assert.ok(list.includes(only));
    list.delete(only);
    assert.equal(list.size, 0);
  });

  test('those whose lifetime has ended are closed, the oldest too', () => {
    const all = [resting(), resting(), resting()] as const;
    all[0].expiresAt = 0;
    all[2].expiresAt = 0;
    idle(...all).closeExpired();
    assert.deepEqual(
      all.map(({ closed }) => closed),
      [true, false, true],
    );
  });
});
