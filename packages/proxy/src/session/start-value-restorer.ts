import { isNullValue } from '@sluice/wire';
import { has, mask } from '../distinct.ts';
import type { RewriterSink } from './rewriter-sink.ts';
import { mayReset, restorationsOf, setIfReset } from '../parameters/start-values.ts';
import type { Restoration, StartValues } from '../parameters/start-values.ts';
import { Action } from '../protocol/pending-replies.ts';
import type { Reply, ReplyNote } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { bytesOf } from '../statements/name-changes.ts';
import type { NamingText } from '../statements/name-changes.ts';
import {
  discardingText,
  gatherBehind,
  gatherInCycle,
  gatherRewritten,
  mayResetUnread,
  rewrite,
} from '../statements/restoring.ts';
import type { Rewriting } from '../statements/restoring.ts';
import type { SessionNames } from '../statements/session-names.ts';
import type { StatementOwner } from './request-owner.ts';

/**
 * Flags of statements that run blocks of code, and of those that may end transactions when they are alone in their
 * text.
 */
const runsBlock = mask(Flag.Procedure, Flag.Do);
const mayEndTransaction = mask(Flag.Procedure, Flag.Transaction);

/** In texts with more statements than these, the proxy does not check after each whether code has reset anything. */
const mostStatementsFollowed = 16;

/** How start values are set again after a reset within a text. */
export type TextRestoring =
  | { readonly kind: 'within'; readonly rewriting: Rewriting; readonly count: number }
  | { readonly kind: 'behind'; readonly statements: readonly string[] };

/**
 * Sets the start values of the session again after statements that may reset them: RESET gives a parameter the start
 * value of the server process, which is not that of the client. Used only while the session has start values.
 */
export class StartValueRestorer {
  readonly #owner: StatementOwner;
  readonly #names: SessionNames;
  readonly #cycles: QueryCycles;
  /** What sets start values again after the Execute of a portal, by its name. */
  #portals: Map<string, readonly string[]> | null = null;

  constructor(owner: StatementOwner, names: SessionNames, cycles: QueryCycles) {
    this.#owner = owner;
    this.#names = names;
    this.#cycles = cycles;
  }

  /** The number of portals whose statements may reset start values. */
  get portals(): number {
    return this.#portals?.size ?? 0;
  }

  /** The lease has ended: no portal is left. */
  leaseEnded(): void {
    this.#portals = null;
  }

  /**
   * DISCARD ALL, and parameters set until the end of a transaction, have other effects within one than outside. So a
   * text with them waits until the transaction status is known.
   */
  mustWait({ details, statements }: Effects): boolean {
    if (statements !== 1 || this.#cycles.complete === 0) return false;
    return details.some(
      (effect) =>
        discardsAll(effect) ||
        (effect.kind === 'parameter' &&
          effect.local &&
          (effect.reset === true || effect.mayReset === true)),
    );
  }

  /** What sets start values again after those statements of a Query that may reset them; null if none do. */
  ofText(connection: RewriterSink, text: NamingText): TextRestoring | null {
    const { effects, source, start, end } = text;
    const { names: code, isKnown } = this.#owner.takeMayReset();
    const values = this.#owner.startValues;
    const { flags, statements } = effects;
    if (values === null || ((flags & (mayReset | Flag.Opaque)) === 0 && code.length === 0))
      return null;
    const current = this.#owner.known.values;
    const everything = (): string[] =>
      setIfReset([...values.keys()], { start: values, current }, false);
    // The Query breaks an open cycle anyway.
    if (connection.cycleOpen) return null;
    if (has(flags, Flag.Opaque))
      return mayResetUnread(source, start, end)
        ? { kind: 'behind', statements: everything() }
        : null;
    if (statements === 1 && effects.details.some(discardsAll)) {
      // Within a transaction it fails.
      if (connection.state.inTransaction) return null;
      return {
        kind: 'within',
        rewriting: discardingText(this.#restorations(effects, values)),
        count: 1,
      };
    }
    // Alone, these may end transactions; in a text with other statements they may not.
    const isAlone = statements === 1 && has(flags, runsBlock);
    if (isAlone && has(flags, mayEndTransaction))
      return { kind: 'behind', statements: everything() };
    const restorations = this.#restorations(effects, values);
    if (code.length > 0) {
      const behind = setIfReset(code, { start: values, current }, false);
      // PostgreSQL shows the text of a cursor, and forbids some statements in a text with several.
      const staysAlone = !isKnown || has(flags, Flag.Cursor);
      if (statements === 1 && staysAlone && restorations.length === 0)
        return behind.length > 0 ? { kind: 'behind', statements: behind } : null;
      // It is unknown which statement calls it. In a long text, only the next one is certain to find its start values.
      const first = statements > mostStatementsFollowed ? statements - 1 : 0;
      if (behind.length > 0)
        for (let position = first; position < statements; position++)
          restorations.push({ position, statements: behind, isLocal: false });
    }
    // Outside a transaction PostgreSQL warns, and nothing happens.
    const isIdle = !connection.state.inTransaction && this.#cycles.complete === 0;
    if (
      restorations.length === 0 ||
      (statements === 1 && isIdle && restorations.every(({ isLocal }) => isLocal))
    )
      return null;
    const rewriting = rewrite(source, start, end, statements, restorations, {
      client: this.#owner.clientEncoding,
      server: connection.state.reported.get('server_encoding'),
    });
    if (rewriting === null) return { kind: 'behind', statements: everything() };
    return { kind: 'within', rewriting, count: statements };
  }

  #restorations(effects: Effects, start: StartValues): Restoration[] {
    return restorationsOf(effects, {
      start,
      current: this.#owner.known.values,
      bodyOf: (name) => this.#names.effectsOf(bytesOf(name)),
    });
  }

  /**
   * Collects the Query with its restoring. Returns whether it is answered: the database skips it between an error and
   * Sync.
   */
  gather(
    connection: RewriterSink,
    restoring: TextRestoring,
    pending: Reply,
    note: ReplyNote | null,
    message: Buffer,
  ): boolean {
    if (restoring.kind === 'within')
      return gatherRewritten(connection, restoring.rewriting, restoring.count, note);
    connection.output.add(message);
    const isAnswered = connection.pending.append(pending, Action.Forward, note);
    gatherBehind(connection, restoring.statements);
    return isAnswered;
  }

  /** Records what sets start values again after the portal has run. The rest of the Bind is `chunk[rest, stop)`. */
  bound(portal: string, text: NamingText, chunk: Buffer, rest: number, stop: number): void {
    const values = this.#owner.startValues;
    if (values === null) return;
    const { effects, source, start } = text;
    const { names: code } = this.#owner.takeMayReset();
    this.#portals?.delete(portal);
    if ((effects.flags & (mayReset | Flag.Opaque)) === 0 && code.length === 0) return;
    const context = { start: values, current: this.#owner.known.values };
    const all = [...values.keys()];
    let statements: string[];
    if (has(effects.flags, Flag.Opaque)) {
      const end = source.indexOf(0, start);
      statements = mayResetUnread(source, start, end < 0 ? source.length : end)
        ? setIfReset(all, context, false)
        : [];
    } else if (has(effects.flags, Flag.Procedure)) statements = setIfReset(all, context, false);
    else
      statements = restorationsOf(effects, {
        ...context,
        bodyOf: (name) => this.#names.effectsOf(bytesOf(name)),
        isNull: (parameter) => isNullValue(chunk, rest, stop, parameter),
      }).flatMap((restoration) => restoration.statements);
    if (code.length > 0) statements.push(...setIfReset(code, context, false));
    if (statements.length > 0) (this.#portals ??= new Map()).set(portal, statements);
  }

  /** Sets start values after the Execute of the portal that was just collected. */
  executed(connection: RewriterSink, portal: string): void {
    const statements = this.#portals?.get(portal);
    if (statements !== undefined) gatherInCycle(connection, statements);
  }
}

function discardsAll(effect: Effects['details'][number]): boolean {
  return effect.kind === 'discard' && effect.what === 'all';
}
