import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode as Code,
  buildBind,
  buildCloseStatement,
  buildClosePortal,
  buildDescribeStatement,
  buildErrorResponse,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { LostConversation } from '../../src/recovery/lost-conversation.ts';
import { LostTransaction } from '../../src/recovery/lost-transaction.ts';
import { Lexis, classify, loadParser } from '../../src/sql/index.ts';
import { repliesIn } from '../scripted-server.ts';

await loadParser();

const lost = buildErrorResponse({
  severity: 'ERROR',
  sqlstate: '40001',
  message: 'lost',
});

/** A client whose transaction was lost, and the replies to its statements. */
class Client {
  readonly log: string[] = [];
  readonly statements = new Map<string, string>();
  readonly #conversation = new LostConversation(
    new LostTransaction(lost, true, false),
    {
      effectsOf: (name) => {
        const text = this.statements.get(name);
        return text === undefined ? null : classify(text);
      },
      keepParsed: (chunk, at, next, effects) =>
        void this.log.push(
          `kept ${chunk.toString('latin1', at + 5, next).split('\0')[0]} ${effects.statements}`,
        ),
      forget: (name) => void this.log.push(`forgot ${name}`),
    },
    { lexis: Lexis.Standard },
  );

  /** Sends messages; returns the replies in words. */
  replies(...messages: readonly Buffer[]): string[] {
    // At an offset in a chunk.
    const chunk = Buffer.concat([syncMessage, ...messages]);
    const answers: Buffer[] = [];
    let at = syncMessage.length;
    for (const { length } of messages) {
      answers.push(this.#conversation.answer(chunk, at, at + length));
      at += length;
    }
    return repliesIn(Buffer.concat(answers));
  }

  /** Sends the first part of a message. */
  begins(message: Buffer): string[] {
    return repliesIn(
      this.#conversation.answer(message.subarray(0, message.length - 1), 0, message.length),
    );
  }

  get isOver(): boolean {
    return this.#conversation.over;
  }
}

suite('in a lost transaction', () => {
  test('a query fails, and ROLLBACK ends it', () => {
    const client = new Client();
    assert.deepEqual(client.replies(buildQuery('SELECT 1')), ['E 25P02', 'ZE']);
    assert.ok(!client.isOver);
    assert.deepEqual(client.replies(buildQuery('ROLLBACK')), ['C ROLLBACK', 'ZI']);
    assert.ok(client.isOver);
  });

  test('a partial query ends nothing', () => {
    const client = new Client();
    assert.deepEqual(client.begins(buildQuery('ROLLBACK')), ['E 25P02', 'ZE']);
  });

  test('an empty message does no harm', () => {
    assert.deepEqual(new Client().replies(buildMessage(Code.Query)), ['E 25P02', 'ZE']);
    for (const code of [Code.Parse, Code.Bind, Code.Describe, Code.Execute])
      assert.deepEqual(new Client().replies(buildMessage(code)), ['E 25P02']);
  });

  test('a Parse of ROLLBACK succeeds, and is kept', () => {
    const client = new Client();
    assert.deepEqual(client.replies(buildParse('r', 'ROLLBACK')), ['1']);
    assert.deepEqual(client.log, ['kept r 1']);
  });

  test('a Parse of anything else fails, up to Sync', () => {
    const client = new Client();
    const messages = [buildParse('s', 'SELECT 1'), buildParse('r', 'ROLLBACK'), syncMessage];
    assert.deepEqual(client.replies(...messages), ['E 25P02', 'ZE']);
    assert.deepEqual(client.log, []);
  });

  test('a Parse without the end of its text fails', () => {
    const client = new Client();
    const parse = buildMessage(Code.Parse, Buffer.from('r\0ROLLBACK'));
    assert.deepEqual(client.replies(parse, buildQuery('')), ['E 25P02', 'E 25P02', 'ZE']);
  });

  test('an earlier statement that ends it can be bound and run', () => {
    const client = new Client();
    client.statements.set('r', 'ROLLBACK');
    assert.deepEqual(
      client.replies(
        buildBind('p', 'r'),
        buildDescribeStatement('r'),
        buildExecute('p'),
        syncMessage,
      ),
      ['2', 't', 'n', 'C ROLLBACK', 'ZI'],
    );
    assert.ok(client.isOver);
  });

  test('any other one is refused', () => {
    const client = new Client();
    client.statements.set('s', 'SELECT 1').set('p', 'ROLLBACK');
    assert.deepEqual(client.replies(buildBind('p', 's'), syncMessage), ['E 25P02', 'ZE']);
    assert.deepEqual(client.replies(buildBind('p', 'none'), syncMessage), ['E 25P02', 'ZE']);
    assert.deepEqual(client.replies(buildDescribeStatement('s'), syncMessage), ['E 25P02', 'ZE']);
  });

  test('a name without its zero byte is invalid', () => {
    const client = new Client();
    client.statements.set('r', 'ROLLBACK');
    const bind = buildMessage(Code.Bind, Buffer.from('p\0r'));
    assert.deepEqual(client.replies(bind, syncMessage), ['E 25P02', 'ZE']);
  });

  test('a closed statement is forgotten, a portal is not', () => {
    const client = new Client();
    assert.deepEqual(client.replies(buildCloseStatement('s'), buildClosePortal('p')), ['3', '3']);
    assert.deepEqual(client.log, ['forgot s']);
  });
});
