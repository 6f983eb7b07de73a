import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { as } from '../../src/distinct.ts';
import { Action, PendingReplies, Reply } from '../../src/protocol/pending-replies.ts';
import type { ReplyOwner } from '../../src/protocol/pending-replies.ts';

/* The queue compared with a plain list that does the same in the simplest way. */

const cycleEnds: readonly number[] = [
  Reply.Sync,
  Reply.Query,
  Reply.CountedQuery,
  Reply.RewrittenQuery,
  Reply.FunctionCall,
];
const midCycle: readonly number[] = [
  Reply.Parse,
  Reply.Bind,
  Reply.Close,
  Reply.DescribeStatement,
  Reply.DescribePortal,
  Reply.Execute,
];
const actions = [Action.Forward, Action.Discard, Action.Internal, Action.Orphaned] as const;

interface Entry {
  readonly number: number;
  kind: number;
  action: number;
  owner: ReplyOwner | null;
}

class Model {
  entries: Entry[] = [];
  owner: ReplyOwner | null = null;
  skips = false;
  /** The calls to notes and owners. */
  readonly log: string[] = [];

  append(number: number, kind: number, action: number): boolean {
    if (this.skips && kind !== Reply.Sync) {
      this.log.push(`undo ${number} true`);
      return false;
    }
    this.skips = false;
    if (kind === Reply.CopyEnd && this.entries.length === 0) return false;
    this.entries.push({ number, kind, action, owner: this.owner });
    return true;
  }

  shift(): void {
    this.entries.shift();
    while (this.entries[0]?.kind === Reply.CopyEnd) this.entries.shift();
  }

  fail(): void {
    const [head] = this.entries;
    if (head === undefined || cycleEnds.includes(head.kind)) return;
    const sync = this.entries.findIndex(({ kind }) => kind === Reply.Sync);
    this.skips = sync < 0;
    const discarded = this.entries.splice(0, this.skips ? this.entries.length : sync);
    const ignored = discarded.filter(isPending).length;
    this.#undo(discarded);
    if (ignored > 0) head.owner?.syncsIgnored(ignored);
  }

  clear(): void {
    this.#undo(this.entries.splice(0));
    this.skips = false;
  }

  /** Newest first, since a later request may build on an earlier one. */
  #undo(entries: readonly Entry[]): void {
    for (const [at, { number }] of [...entries.entries()].toReversed())
      this.log.push(`undo ${number} ${at > 0}`);
  }

  orphan(): void {
    for (const entry of this.entries) {
      entry.owner = null;
      if (entry.action !== Action.Internal) entry.action = Action.Orphaned;
    }
  }

  orphanCycle(): boolean {
    for (const entry of this.entries) {
      if (cycleEnds.includes(entry.kind)) return true;
      entry.action = Action.Orphaned;
    }
    return false;
  }
}

function isPending({ kind, action }: Entry): boolean {
  return action === Action.Forward && cycleEnds.includes(kind);
}

class Owner implements ReplyOwner {
  readonly blocked = false;
  readonly log: string[];

  constructor(log: string[]) {
    this.log = log;
  }

  relay(): void {
    // Nothing is forwarded here.
  }
  flushReplies(): void {
    // Nothing is forwarded here.
  }
  cycleEnded(): void {
    // No replies come.
  }
  syncsIgnored(count: number): void {
    this.log.push(`ignored ${count}`);
  }
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(
      fc.constant('append'),
      fc.constantFrom(...midCycle, ...cycleEnds, Reply.CopyEnd),
      fc.constantFrom(...actions),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constant('shift'), fc.constant(0), fc.constant(0)),
  },
  fc.tuple(
    fc.constantFrom('fail', 'owner', 'orphan', 'orphanCycle', 'discardHead', 'clear'),
    fc.nat(2),
    fc.constant(0),
  ),
);

test('the queue of pending replies behaves like a plain list', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const log: string[] = [];
      const queue = new PendingReplies();
      const model = new Model();
      const owners = [null, new Owner(log), new Owner(log)] as const;
      const modelOwners = new Map<ReplyOwner | null, ReplyOwner | null>(
        owners.map((owner) => [owner === null ? null : new Owner(model.log), owner]),
      );
      const ofModel = [...modelOwners.keys()];
      for (const [number, [what, kind, action]] of steps.entries()) {
        switch (what) {
          case 'append': {
            const note = {
              undo: (skipped: boolean) => void log.push(`undo ${number} ${skipped}`),
              number,
            };
            assert.equal(
              queue.append(as(kind), as(action), note),
              model.append(number, kind, action),
            );
            break;
          }
          case 'shift':
            if (model.entries.length === 0) break;
            queue.shift();
            model.shift();
            break;
          case 'owner':
            queue.owner = owners[kind] ?? null;
            model.owner = ofModel[kind] ?? null;
            break;
          case 'discardHead': {
            const [head] = model.entries;
            if (head === undefined) break;
            queue.discardHead();
            head.action = Action.Discard;
            break;
          }
          case 'orphanCycle':
            assert.equal(queue.orphanCycle(), model.orphanCycle());
            break;
          case 'fail':
            if (model.entries.length === 0) break;
            queue.fail();
            model.fail();
            break;
          case 'orphan':
            queue.orphan();
            model.orphan();
            break;
          default:
            queue.clear();
            model.clear();
        }
        const [head] = model.entries;
        const last = model.entries.at(-1);
        assert.equal(queue.length, model.entries.length);
        assert.equal(queue.headReply, head?.kind ?? Reply.Nothing);
        assert.equal(queue.headAction, head?.action ?? Action.Forward);
        if (head !== undefined)
          assert.equal(queue.headNote && Reflect.get(queue.headNote, 'number'), head.number);
        assert.equal(queue.headOwner, modelOwners.get((head ?? model).owner));
        assert.equal(queue.skipping, model.skips);
        assert.equal(queue.countCycles(), model.entries.filter(isPending).length);
        assert.equal(queue.endsMidCycle, last !== undefined && midCycle.includes(last.kind));
        assert.equal(queue.hasOpenReplies, last !== undefined && !cycleEnds.includes(last.kind));
        assert.deepEqual(log, model.log);
      }
    }),
    { numRuns: 100 },
  );
});
