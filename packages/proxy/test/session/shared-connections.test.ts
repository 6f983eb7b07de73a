import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FrontendCode,
  buildBind,
  buildCloseStatement,
  buildDescribeStatement,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { QuietHandler } from '../../src/io/quiet-handler.ts';
import { Listeners } from '../../src/listen-notify/listeners.ts';
import { Session } from '../../src/session/session.ts';
import type { SessionKeeper } from '../../src/session/session.ts';
import { loadParser } from '../../src/sql/index.ts';
import { PoolBench } from '../pool/pool-bench.ts';
import { MemorySocket, messagesIn } from '../scripted-server.ts';
import { ModelServer } from './model-server.ts';

await loadParser();

/** All messages up to the next ReadyForQuery, and whether the client waits for that. */
interface Cycle {
  readonly client: number;
  readonly words: readonly string[];
  readonly waits: boolean;
  /** Where the bytes are split. */
  readonly cuts: readonly number[];
}

/** Describe (F) of the unnamed portal. */
const describePortal = buildMessage(FrontendCode.Describe, Buffer.from('P\0'));

const names = ['', 'a', 'b'] as const;
const texts = [
  'SELECT 5',
  'SELECT 6',
  'SELECT bad',
  'EXECUTE p',
  'PREPARE p AS SELECT 4',
  'DEALLOCATE p',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
] as const;
const queries = [
  'SELECT 1',
  'SELECT bad',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'PREPARE p AS SELECT 2',
  'PREPARE p AS SELECT 3',
  'EXECUTE p',
  'DEALLOCATE p',
  'DEALLOCATE ALL',
  'DEALLOCATE a',
  'EXECUTE a',
  'PREPARE q AS SELECT 8; EXECUTE q',
  'SELECT 1; SELECT bad; SELECT 2',
  'BEGIN; SELECT 1',
  'COMMIT; SELECT 1',
] as const;

const name = fc.constantFrom(...names);
const request = fc.oneof(
  fc
    .tuple(fc.constant('parse'), name, fc.constantFrom(...texts))
    // For a second statement with the same name that ends a failed transaction, the error is different.
    .map(([what, to, text]) => [what, /^(?:COMMIT|ROLLBACK)$/.test(text) ? '' : to, text]),
  fc.tuple(fc.constantFrom('describe', 'execute', 'execute', 'look', 'close'), name),
);
const cycle: fc.Arbitrary<Cycle> = fc.record({
  client: fc.nat(2),
  waits: fc.boolean(),
  cuts: fc.array(fc.nat(80), { maxLength: 2 }),
  words: fc.oneof(
    fc.constantFrom(...queries).map((text) => [`query:${text}`]),
    fc
      .array(request, { minLength: 1, maxLength: 4 })
      .map((requests) => requests.map((words) => words.join(':'))),
  ),
});

/** The bytes of a cycle. */
function bytesOf({ words }: Cycle): Buffer {
  const all = words.flatMap((word) => {
    const [what, first = '', second = ''] = word.split(':');
    if (what === 'query') return [buildQuery(first)];
    if (what === 'parse') return [buildParse(first, second)];
    if (what === 'describe') return [buildDescribeStatement(first)];
    if (what === 'close') return [buildCloseStatement(first)];
    const bound = buildBind('', first);
    return what === 'look' ? [bound, describePortal, buildExecute('')] : [bound, buildExecute('')];
  });
  return Buffer.concat(words[0]?.startsWith('query') === true ? all : [...all, syncMessage]);
}

/** Replies in words; of errors only what affects a client. */
function repliesOf(bytes: Buffer): string[] {
  return messagesIn(bytes).map(({ code, body }) => {
    const text = body.toString('latin1');
    if (code !== 'E') return `${code} ${text}`;
    return `E ${/C([0-9A-Z]{5})\0/.exec(text)?.[1]} ${/M(.*?)\0/.exec(text)?.[1]}`;
  });
}

const keeper: SessionKeeper = {
  pinNotice: false,
  longestBuffered: 100_000,
  sessionLimits: {
    MaxPreparedStatements: Infinity,
    MaxSessionParameters: Infinity,
    MaxListenChannels: Infinity,
    MaxPortals: Infinity,
    MaxSessionMemory: Infinity,
    MaxUnreadBytes: Infinity,
    MaxPendingReplies: Infinity,
  },
  listeners: new Listeners(),
  pinned: () => undefined,
  unpinned: () => undefined,
  pinEnded: () => undefined,
  clientOf: () => null,
  vacate: () => {
    throw new Error('nothing is vacated here');
  },
  foundHiddenState: () => undefined,
  ended: () => undefined,
  cancelOn: () => undefined,
};

/** The replies to each client if sessions share this number of connections. */
async function shared(cycles: readonly Cycle[], size: number): Promise<string[][]> {
  const bench = new PoolBench({ size });
  bench.source.newServer = () => new ModelServer();
  bench.source.onRelease = () => bench.pool.grow();
  const clients = [1, 2, 3].map((id) => {
    const socket = new MemorySocket();
    const session = new Session({
      id,
      socket: socket,
      tls: false,
      clientUser: 'u',
      pool: bench.pool,
      parameters: bench.pool.parameterSets.acquire([]),
      cancelKey: { processId: 5_000_000 + id, secret: 0 },
      keeper,
    });
    return { session, socket };
  });
  for (const one of cycles) {
    const bytes = bytesOf(one);
    let from = 0;
    for (const cut of [...one.cuts.toSorted((a, b) => a - b), bytes.length]) {
      if (cut > bytes.length || cut <= from) continue;
      clients[one.client]?.session.onData(Buffer.from(bytes.subarray(from, cut)));
      from = cut;
    }
    if (one.waits) await bench.turn();
  }
  await bench.turn();
  return clients.map(({ socket }) => repliesOf(socket.written()));
}

/** Records what is read. */
class Collecting extends QuietHandler {
  readonly #replies: Buffer[];

  constructor(replies: Buffer[]) {
    super();
    this.#replies = replies;
  }

  override onData(bytes: Buffer): void {
    this.#replies.push(bytes);
  }
}

/** The replies to each client from its own server. */
function alone(cycles: readonly Cycle[]): string[][] {
  return [0, 1, 2].map((client) => {
    const server = new ModelServer();
    const replies: Buffer[] = [];
    server.socket.handler = new Collecting(replies);
    server.socket.resume();
    for (const one of cycles) if (one.client === client) server.socket.write(bytesOf(one));
    server.answer();
    return repliesOf(Buffer.concat(replies));
  });
}

test('sessions that share connections get the same replies as on their own connections', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(cycle, { maxLength: 14 }),
      fc.integer({ min: 1, max: 2 }),
      async (script, size) => {
        // Transactions end, so that every session is served.
        const cycles = [
          ...script,
          ...[0, 1, 2].map((client) => ({
            client,
            words: ['query:ROLLBACK'],
            waits: true,
            cuts: [],
          })),
        ];
        assert.deepEqual(await shared(cycles, size), alone(cycles));
      },
    ),
    { numRuns: 40 },
  );
});
