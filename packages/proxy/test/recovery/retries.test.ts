import assert from 'node:assert/strict';
import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { clock } from '../../src/io/clock.ts';
import { Refusal } from '../../src/recovery/refusal.ts';
import { Suspicion } from '../../src/recovery/suspicion.ts';
import { ScriptedServer, ScriptedSource, connectTo } from '../scripted-server.ts';
import { test } from 'node:test';

function refused(sqlstate: string, age: number, connection: ServerConnection): Refusal {
  const error: ErrorFields = { severity: 'FATAL', sqlstate, message: 'no' };
  return new Refusal(error, Buffer.alloc(0), connection, age);
}

function connectionTo(source: ScriptedSource): ServerConnection {
  return connectTo(new ScriptedServer(), source);
}

test('a statement that had just started was hit by chance: it is retried on the same server', () => {
  const source = new ScriptedSource();
  const connection = connectionTo(source);
  assert(!refused('57P01', 10, connection).stands(connectionTo(source)));
});

test('one that had run for long was terminated on purpose', () => {
  const source = new ScriptedSource();
  assert(refused('57P01', 5000, connectionTo(source)).stands(connectionTo(source)));
});

test('a read-only server refuses for a reason immediately', () => {
  const source = new ScriptedSource();
  assert(refused('25006', 10, connectionTo(source)).stands(connectionTo(source)));
});

test('a refusal says nothing about another target, or about the next server at its address', () => {
  const source = new ScriptedSource();
  const refusal = refused('25006', 10, connectionTo(source));
  assert(!refusal.stands(connectionTo(new ScriptedSource())));
  source.generation++;
  assert(!refusal.stands(connectionTo(source)));
});

test('a refusal needs no check', () => {
  let isDone = false;
  const refusal = refused('57P01', 10, connectionTo(new ScriptedSource()));
  assert(refusal.checked && !refusal.isConfirmed);
  refusal.whenChecked(() => {
    isDone = true;
  });
  assert(isDone);
});

const lost: ErrorFields = { sqlstate: '08006', message: 'lost' };

test('a suspicion is checked once, after its server was queried', () => {
  const source = new ScriptedSource();
  const suspicion = new Suspicion(connectionTo(source), lost);
  let done = 0;
  assert(!suspicion.checked);
  suspicion.whenChecked(() => {
    done++;
  });
  assert.equal(done, 0);
  for (const checked of source.checks) checked();
  for (const checked of source.checks) checked();
  assert.equal(done, 1);
  assert(suspicion.checked);
});

test('a server that is still there has lost only the process', () => {
  const source = new ScriptedSource();
  const suspicion = new Suspicion(connectionTo(source), lost);
  assert(suspicion.isConfirmed);
  assert(suspicion.stands(connectionTo(new ScriptedSource())));
});

test('one that does not respond may be gone: the read is retried elsewhere, but not there', () => {
  const source = new ScriptedSource();
  const suspicion = new Suspicion(connectionTo(source), lost);
  source.answers = false;
  assert(!suspicion.isConfirmed);
  assert(!suspicion.stands(connectionTo(new ScriptedSource())));
  assert(suspicion.stands(connectionTo(source)));
});

test('a new server at its address may run the read', () => {
  const source = new ScriptedSource();
  const suspicion = new Suspicion(connectionTo(source), lost);
  source.generation++;
  assert(!suspicion.isConfirmed);
  assert(!suspicion.stands(connectionTo(source)));
});

test('a server that reports a crash was crashed', () => {
  const source = new ScriptedSource();
  const suspicion = new Suspicion(connectionTo(source), lost);
  source.generation++;
  source.crashedAt = Infinity;
  assert(suspicion.isConfirmed);
});

test('a statement that ran for a second or longer was terminated on purpose', () => {
  const source = new ScriptedSource();
  assert(!refused('57P01', 999, connectionTo(source)).stands(connectionTo(source)));
  assert(refused('57P01', 1000, connectionTo(source)).stands(connectionTo(source)));
});

test('other connections report a crash shortly before the loss', () => {
  for (const [ago, isConfirmed] of [
    [4000, true],
    [6000, false],
  ] as const) {
    const source = new ScriptedSource();
    const suspicion = new Suspicion(connectionTo(source), lost);
    source.answers = false;
    source.crashedAt = clock.now - ago;
    assert.equal(suspicion.isConfirmed, isConfirmed);
    assert.equal(suspicion.stands(connectionTo(new ScriptedSource())), isConfirmed);
  }
});

test('a server that is not checked within 10 seconds counts as checked', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const suspicion = new Suspicion(connectionTo(new ScriptedSource()), lost);
  let done = 0;
  suspicion.whenChecked(() => {
    done++;
  });
  t.mock.timers.tick(9999);
  assert.equal(done, 0);
  t.mock.timers.tick(1);
  assert.equal(done, 1);
  assert(suspicion.checked);
});

test('a retry has the error and the messages of its refusal', () => {
  const answered = Buffer.from('answered');
  const connection = connectionTo(new ScriptedSource());
  const refusal = new Refusal(lost, answered, connection, 0);
  assert.equal(refusal.error, lost);
  assert.equal(refusal.answered, answered);
  const suspicion = new Suspicion(connection, lost);
  assert.equal(suspicion.error, lost);
  assert.equal(suspicion.answered.length, 0);
});
