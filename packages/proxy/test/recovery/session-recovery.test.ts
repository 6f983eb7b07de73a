import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BackendCode, buildErrorResponse, buildMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectionLoss } from '../../src/backend/lease-owner.ts';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { ProxyError } from '../../src/errors.ts';
import { Action, Reply } from '../../src/protocol/pending-replies.ts';
import { PoolStats } from '../../src/pool/pool-stats.ts';
import { QueryCycles } from '../../src/protocol/query-cycles.ts';
import { SessionRecovery } from '../../src/recovery/session-recovery.ts';
import type { RecoveryOwner, Resender } from '../../src/recovery/session-recovery.ts';
import { classify, loadParser } from '../../src/sql/index.ts';
import { ScriptedServer, ScriptedSource, connectTo, repliesIn } from '../scripted-server.ts';

await loadParser();

const lost: ConnectionLoss = {
  error: new ProxyError('SERVER_CONNECTION_LOST', { reason: 'gone' }),
  silent: false,
  isEnding: false,
  reason: 'gone',
  cycles: 0,
  openCycle: false,
  inTransaction: false,
  failed: false,
  midReply: false,
  errorSent: false,
};

const shutdown: ErrorFields = {
  severity: 'FATAL',
  sqlstate: '57P01',
  message: 'shutting down',
};
const readOnly: ErrorFields = {
  severity: 'ERROR',
  sqlstate: '25006',
  message: 'read-only',
};

/** A session that records the calls. */
class Owner implements RecoveryOwner {
  readonly source = new ScriptedSource();
  connection: ServerConnection | null = connectTo(new ScriptedServer(), this.source);
  readonly log: string[] = [];
  readonly stats = new PoolStats();
  readonly pool = {
    stats: this.stats,
    returned: (connection: ServerConnection): void =>
      void this.log.push(connection === this.connection ? 'returned' : 'returned another'),
  };
  readonly cycles = new QueryCycles({
    cycleBegan: () => undefined,
  });
  canSendAgain = true;
  sendsUnsettled = true;
  renewal: Buffer | null = Buffer.from('renewed');
  repetition: Buffer | null = Buffer.from('repeated');
  closedBySession = false;
  readonly requests: Resender;
  isWaiting = true;
  inTransaction = false;
  isPinned = false;
  keepsUnseenStatements = false;
  requestsReadOnly = false;
  setOutside = false;
  isFirstLease = false;
  listeningInTransaction: boolean | null = null;
  listensHere = false;
  readonly recovery = new SessionRecovery(this);

  constructor() {
    const owner = (): Owner => this;
    const note = (what: string) => (): void => void this.log.push(what);
    this.requests = {
      get canSendAgain() {
        return owner().canSendAgain;
      },
      sendAgain: note('sendAgain'),
      sendUnsettled: () => {
        this.log.push('sendUnsettled');
        return this.sendsUnsettled;
      },
      resume: note('resume'),
      dropBody: note('dropBody'),
      discardUntilSync: note('discardUntilSync'),
      transactionLost: note('transactionLost'),
      requestToRenew: () => this.renewal,
      requestToRepeat: () => this.repetition,
      repeat: (cycle) => void this.log.push(cycle.toString()),
      hasClosed: (_, error) => {
        this.log.push(`hasClosed ${error}`);
        return this.closedBySession;
      },
    };
  }

  /** A cycle with these texts was sent. */
  sent(...texts: readonly string[]): this {
    for (const text of texts) this.cycles.add(classify(text));
    this.cycles.end();
    return this;
  }

  /** The calls since the last time. */
  did(): string[] {
    return this.log.splice(0);
  }

  losesListening(inTransaction: boolean): boolean {
    this.listeningInTransaction = inTransaction;
    return this.listensHere;
  }
  giveUpLease(isLost: boolean): void {
    this.log.push(isLost ? 'lease lost' : 'lease given up');
  }
  forgetPin(): void {
    this.log.push('forgetPin');
  }
  forgetChanges(): void {
    this.log.push('forgetChanges');
  }
  becomeIdle(): void {
    this.log.push('idle');
  }
  wantNew(): void {
    this.log.push('wantNew');
  }
  borrowAgain(): void {
    this.log.push('borrowAgain');
  }
  borrowFailed({ sqlstate }: ErrorFields): void {
    this.log.push(`refused ${sqlstate}`);
  }
  corrected(assumption: string): void {
    this.log.push(`corrected ${assumption}`);
  }
  reply(bytes: Buffer): void {
    this.log.push(...repliesIn(bytes));
  }
  end(_: string, lastMessage: Buffer | null): void {
    this.log.push(lastMessage === null ? 'ended' : `ended with ${repliesIn(lastMessage).join()}`);
  }
  flow(): void {
    this.log.push('flow');
  }
}

function changed(owner: Owner, change: Partial<Owner>): Owner {
  return Object.assign(owner, change);
}

const goesOn = ['lease lost', 'dropBody', 'forgetChanges', 'idle', 'resume', 'flow'];

suite('a connection is lost', () => {
  test('between requests: the session continues', () => {
    const owner = new Owner();
    owner.recovery.connectionLost(lost);
    assert.deepEqual(owner.did(), goesOn);
    assert.equal(owner.listeningInTransaction, false);
    assert.equal(owner.stats.cyclesSentAgain, 0);
  });

  test('during a read: it is retried', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.recovery.connectionLost({ ...lost, cycles: 1 });
    assert.deepEqual(owner.did(), [
      'lease lost',
      'dropBody',
      'forgetChanges',
      'idle',
      'sendAgain',
      'flow',
    ]);
    assert.equal(owner.stats.cyclesSentAgain, 1);
    assert.equal(owner.cycles.first.retry, null);
  });

  test('during a read without an error: first its server is checked', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.recovery.connectionLost({ ...lost, cycles: 1, silent: true });
    assert.ok(owner.did().includes('sendAgain'));
    assert.equal(owner.stats.cyclesSentAgain, 0);
    assert.ok(owner.cycles.first.retry);
    assert.ok(owner.recovery.mustWait());
    assert.deepEqual(owner.did(), []);
    owner.source.answers = false;
    owner.source.checks[0]?.();
    assert.deepEqual(owner.did(), ['borrowAgain']);
    assert.ok(!owner.recovery.mustWait());
  });

  test('and its server has lost only the process: the read crashed it', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.recovery.connectionLost({ ...lost, cycles: 1, silent: true });
    owner.recovery.mustWait();
    owner.did();
    owner.source.checks[0]?.();
    assert.deepEqual(owner.did(), [`refused ${lost.error.fields.sqlstate}`]);
  });

  test('and the session has ended in the meantime: no query is sent', () => {
    for (const end of [
      (owner: Owner) => {
        owner.isWaiting = false;
      },
      (owner: Owner) => {
        owner.cycles.first.retry = null;
      },
    ]) {
      const owner = new Owner().sent('SELECT 1');
      owner.recovery.connectionLost({ ...lost, cycles: 1, silent: true });
      owner.recovery.mustWait();
      owner.did();
      end(owner);
      owner.source.checks[0]?.();
      assert.deepEqual(owner.did(), []);
    }
  });

  test('during a read whose bytes are gone: the client gets an error', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.canSendAgain = false;
    owner.recovery.connectionLost({ ...lost, cycles: 1 });
    assert.deepEqual(owner.did(), [
      ...goesOn.slice(0, 4),
      `E ${lost.error.fields.sqlstate}`,
      'ZI',
      'resume',
      'flow',
    ]);
    assert.equal(owner.cycles.complete, 0);
  });

  test('in a transaction: the next statements get the replies of a failed one', () => {
    const owner = new Owner();
    owner.recovery.connectionLost({ ...lost, inTransaction: true });
    assert.deepEqual(owner.did(), [...goesOn.slice(0, 4), 'transactionLost', 'resume', 'flow']);
    assert.equal(owner.listeningInTransaction, true);
  });

  test('in an open cycle: the rest of it is dropped', () => {
    const owner = new Owner();
    owner.recovery.connectionLost({ ...lost, openCycle: true });
    assert.deepEqual(owner.did(), [
      ...goesOn.slice(0, 4),
      `E ${lost.error.fields.sqlstate}`,
      'discardUntilSync',
      'resume',
      'flow',
    ]);
  });

  const state: Readonly<Record<string, (owner: Owner) => Partial<ConnectionLoss>>> = {
    'a pinned session': (owner) => {
      owner.isPinned = true;
      return {};
    },
    'channels that only the lost connection had': (owner) => {
      owner.listensHere = true;
      return {};
    },
    'a parameter that was set and not read back': (owner) => {
      owner.setOutside = true;
      return {};
    },
    'a parameter that was set before the transaction': (owner) => {
      owner.setOutside = true;
      owner.sent('SELECT 1');
      return { inTransaction: true, cycles: 1 };
    },
    'a parameter that was set by one statement of several': (owner) => {
      owner.setOutside = true;
      owner.sent('SET a.b = 1', 'SELECT 1');
      return { cycles: 1 };
    },
    'a session that another client terminates': () => ({ isEnding: true }),
  };
  for (const [what, prepare] of Object.entries(state))
    test(`with ${what}: the session ends`, () => {
      const owner = new Owner();
      const loss = prepare(owner);
      owner.recovery.connectionLost({ ...lost, ...loss });
      const [, , last = '', ...more] = owner.did();
      assert.match(last, /^ended with E /);
      assert.deepEqual(more, []);
    });

  test('during the statement that sets a parameter: that is undone with it', () => {
    const owner = new Owner().sent('SET a.b = 1');
    owner.setOutside = true;
    owner.recovery.connectionLost({ ...lost, cycles: 1 });
    assert.ok(owner.did().includes('resume'));
  });
});

suite('the database refuses a statement', () => {
  test('a cycle that was rolled back may be retried elsewhere', () => {
    const owner = new Owner().sent('SELECT 1');
    assert.ok(owner.recovery.canSendAgain('57P01'));
    assert.equal(owner.listeningInTransaction, false);
    owner.inTransaction = true;
    assert.ok(owner.recovery.canSendAgain('25006'));
    assert.equal(owner.listeningInTransaction, true);
  });

  test('but not for a client that requested read-only transactions', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.requestsReadOnly = true;
    assert.ok(!owner.recovery.canSendAgain('25006'));
    assert.ok(owner.recovery.canSendAgain('57P01'));
  });

  test('nor if it needs this connection, or its bytes are gone, or it has committed', () => {
    for (const change of [
      { isPinned: true },
      { listensHere: true },
      { canSendAgain: false },
    ] satisfies Partial<Owner>[]) {
      const owner = changed(new Owner().sent('SELECT 1'), change);
      assert.ok(!owner.recovery.canSendAgain('57P01'));
    }
    const owner = new Owner().sent('UPDATE a SET b = 1', 'COMMIT', 'SELECT 1');
    assert.ok(!owner.recovery.canSendAgain('57P01'));
  });

  test('it is sent again with the next lease', () => {
    const owner = new Owner().sent('SELECT 1');
    assert.ok(owner.connection);
    owner.recovery.sendAgain(shutdown, Buffer.alloc(0), owner.connection);
    assert.deepEqual(owner.did(), ['lease given up', 'idle', 'sendAgain', 'flow']);
    assert.ok(!owner.recovery.mustWait(), 'there is nothing to find out');
    const next = connectTo(new ScriptedServer());
    assert.ok(!owner.recovery.isRefusedAgain(next));
    assert.equal(owner.stats.cyclesSentAgain, 1);
    assert.equal(owner.cycles.first.retry, null);
    assert.ok(!owner.recovery.isRefusedAgain(next));
    assert.equal(owner.stats.cyclesSentAgain, 1);
  });

  test('and gets an error if there is only the same server, after the messages before the error', async () => {
    const owner = new Owner().sent('UPDATE a SET b = 1');
    const { connection } = owner;
    assert.ok(connection);
    const answered = buildMessage(BackendCode.ParseComplete);
    owner.recovery.sendAgain(readOnly, answered, connection);
    owner.did();
    assert.ok(owner.recovery.isRefusedAgain(connection));
    assert.deepEqual(owner.did(), ['returned']);
    await Promise.resolve();
    assert.deepEqual(owner.did(), ['1', 'refused 25006']);
    assert.equal(owner.stats.cyclesSentAgain, 0);
  });

  test('but only while the session waits for it', async () => {
    const owner = new Owner().sent('UPDATE a SET b = 1');
    assert.ok(owner.connection);
    owner.recovery.sendAgain(readOnly, Buffer.alloc(0), owner.connection);
    owner.recovery.isRefusedAgain(owner.connection);
    owner.did();
    owner.isWaiting = false;
    await Promise.resolve();
    assert.deepEqual(owner.did(), []);
  });

  test('a statement that had run for long was terminated on purpose', () => {
    const owner = new Owner().sent('SELECT 1');
    assert.ok(owner.connection);
    owner.cycles.first.since = performance.now() - 5000;
    owner.recovery.sendAgain(shutdown, Buffer.alloc(0), owner.connection);
    assert.ok(owner.recovery.isRefusedAgain(owner.connection));
  });

  test('nothing that is not retried waits', () => {
    assert.ok(!new Owner().recovery.mustWait());
  });
});

suite('the parameters at the start of a lease are refused', () => {
  const before = ['lease lost', 'forgetPin', 'forgetChanges'];

  test('by a used process: another one is tried', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.recovery.replayRefused(shutdown, true);
    assert.deepEqual(owner.did(), [
      ...before,
      'sendUnsettled',
      'wantNew',
      'idle',
      'resume',
      'flow',
    ]);
    assert.equal(owner.stats.replaysRefused, 1);
    assert.equal(owner.cycles.complete, 0);
  });

  test('by a new one, or with the loss of the messages after them: the session ends', () => {
    for (const [change, nothingRan] of [
      [{ isFirstLease: true }, true],
      [{}, false],
      [{ sendsUnsettled: false }, true],
    ] as const) {
      const owner = changed(new Owner(), change);
      owner.recovery.replayRefused({ ...shutdown, severity: 'ERROR' }, nothingRan);
      assert.equal(owner.did().at(-1), 'ended with E 57P01');
    }
  });
});

suite('an assumption about a connection was wrong', () => {
  const error = buildErrorResponse({
    severity: 'ERROR',
    sqlstate: '26000',
    message: 'none',
  });

  test('an outdated plan is prepared again', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.connection?.pending.append(Reply.Sync);
    assert.ok(owner.recovery.planOutdated());
    assert.deepEqual(owner.did(), ['renewed']);
    assert.equal(owner.connection?.pending.headReply, Reply.Sync);
    assert.equal(owner.connection?.pending.headAction, Action.Discard);
  });

  test('but not if that loses something, or part of the reply was sent', () => {
    for (const change of [
      { connection: null },
      { keepsUnseenStatements: true },
      { renewal: null },
    ] satisfies Partial<Owner>[]) {
      const owner = changed(new Owner().sent('SELECT 1'), change);
      assert.ok(!owner.recovery.planOutdated());
      assert.deepEqual(owner.did(), []);
    }
    const relayed = new Owner().sent('SELECT 1');
    relayed.cycles.first.relayed = true;
    assert.ok(!relayed.recovery.planOutdated());
    const inTransaction = new Owner().sent('SELECT 1');
    inTransaction.connection?.state.ready(0x54);
    assert.ok(!inTransaction.recovery.planOutdated());
  });

  test('a missing statement is prepared again', () => {
    const owner = new Owner().sent('SELECT 1');
    owner.connection?.pending.append(Reply.Sync);
    assert.ok(owner.recovery.assumptionContradicted('statement', error, 0, error.length));
    assert.deepEqual(owner.did(), [
      `hasClosed ${error.toString('latin1', 5)}`,
      'corrected statement',
      'repeated',
    ]);
  });

  test('but not if the session itself has closed it, or its bytes are gone', () => {
    for (const change of [
      { closedBySession: true },
      { repetition: null },
    ] satisfies Partial<Owner>[]) {
      const owner = changed(new Owner().sent('SELECT 1'), change);
      assert.ok(!owner.recovery.assumptionContradicted('statement', error, 0, error.length));
      assert.equal(owner.did().at(-1), 'corrected statement');
    }
    const owner = new Owner();
    owner.connection = null;
    assert.ok(!owner.recovery.assumptionContradicted('statement', error, 0, error.length));
    assert.deepEqual(owner.did(), []);
  });
});
