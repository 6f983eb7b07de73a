import { syncMessage } from '@sluice/wire';
import { has, mask } from '../distinct.ts';
import type { RewriterSink } from './rewriter-sink.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { ReplyNote } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { bringSqlStatements, ensureClientNamed } from '../statements/client-named-statements.ts';
import { NameChanges, bytesOf, meetNames } from '../statements/name-changes.ts';
import type { NamingText } from '../statements/name-changes.ts';
import type { SessionNames } from '../statements/session-names.ts';
import { mayRunCode } from '../statements/closed-by-code.ts';
import type { StatementOwner } from './request-owner.ts';

/** Flags of statements after which code may call the session's statements by name, now or later in a transaction. */
const mayCall = mask(mayRunCode, Flag.Ddl, Flag.Transaction);

/**
 * If a session has more SQL-level statements than this, or longer ones, it keeps its connection, so that the proxy does
 * not prepare them on every connection.
 */
const mostBrought = 32;
const longestBrought = 65_536;

/**
 * The prepared statements that SQL names: in PREPARE, EXECUTE and DEALLOCATE, and in code that a text calls. They must
 * exist on the connection, with the names of the session, before the text is prepared or run.
 */
export class NamesInSql {
  readonly #owner: StatementOwner;
  readonly #names: SessionNames;
  readonly #cycles: QueryCycles;
  /** Portals whose statements use names: the effects of their Execute. */
  #portals: Map<string, NamingText> | null = null;
  #bytes = 0;

  constructor(owner: StatementOwner, names: SessionNames, cycles: QueryCycles) {
    this.#owner = owner;
    this.#names = names;
    this.#cycles = cycles;
  }

  /** The number of portals whose statements use names. */
  get portals(): number {
    return this.#portals?.size ?? 0;
  }

  /** The length of the texts of these portals. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The lease has ended: no portal is left. */
  leaseEnded(): void {
    this.#portals = null;
    this.#bytes = 0;
  }

  /**
   * A statement is about to be prepared or run that may call others by name, unseen: prepares these before it. False:
   * it has to wait for replies first.
   */
  bring(connection: RewriterSink, effects: Effects, source: Buffer, start: number): boolean {
    if (!this.#mayCall(effects)) return true;
    // Within a transaction they have existed since it began.
    if (connection.state.inTransaction || connection.midCycle) return true;
    if (this.#names.isUncertain(connection) || this.#cycles.complete > 0) return false;
    const brought = bringSqlStatements(connection, this.#names);
    const bytes = brought.reduce((sum, statement) => sum + statement.source.length, 0);
    if (brought.length > mostBrought || bytes > longestBrought) {
      for (const statement of brought) statement.isTracked = false;
      this.#owner.keepStatements(source, start);
    }
    return true;
  }

  #mayCall({ flags, details }: Effects): boolean {
    if (has(flags, mayCall)) return true;
    if (!has(flags, Flag.Execute)) return false;
    return details.some((effect) => {
      const called =
        effect.kind === 'execute' ? this.#names.effectsOf(bytesOf(effect.name)) : undefined;
      return called !== undefined && has(called.flags, mayCall);
    });
  }

  /**
   * A text is about to be prepared whose rows are those of the statement that its EXECUTE names. False: that statement
   * is uncertain.
   */
  read(connection: RewriterSink, effects: Effects): boolean {
    if (this.#names.isUncertain(connection)) return false;
    for (const effect of effects.details)
      if (effect.kind === 'execute')
        ensureClientNamed(
          connection,
          this.#names,
          bytesOf(effect.name),
          false,
          Action.Discard,
          null,
        );
    return true;
  }

  /** Prepares the statements that a Query names before it, in a separate cycle. The note belongs to the Query. */
  ofQuery(connection: RewriterSink, text: NamingText): ReplyNote {
    const changes = this.#changesOf(connection, text);
    const met = meetNames(
      connection,
      this.#names,
      text,
      Action.Orphaned,
      changes.preparation,
      (effects, { source, start } = text) => this.#owner.willRun(effects, source, start),
    );
    if (met && !connection.cycleOpen) {
      connection.output.add(syncMessage);
      connection.pending.append(Reply.Sync, Action.Discard);
    }
    return changes;
  }

  /** Prepares the statements that the text of a Bind names, before it is known whether it runs. */
  meet(connection: RewriterSink, text: NamingText): void {
    meetNames(connection, this.#names, text, Action.Discard, null, () => undefined);
  }

  /** The text is bound to a portal. False: the meaning of its names is uncertain. */
  bind(connection: RewriterSink, portal: string, text: NamingText): boolean {
    if (this.#names.isUncertain(connection)) return false;
    meetNames(
      connection,
      this.#names,
      text,
      Action.Discard,
      null,
      (effects, { source, start } = text) => this.#owner.willRun(effects, source, start),
    );
    (this.#portals ??= new Map()).set(portal, text);
    this.#bytes += text.end - text.start;
    return true;
  }

  /** The portal no longer has a statement that uses names. */
  unbind(portal: string): void {
    const text = this.#portals?.get(portal);
    if (text === undefined) return;
    this.#portals?.delete(portal);
    this.#bytes -= text.end - text.start;
  }

  /** The portal is about to run: the note belongs to its Execute. */
  executed(connection: RewriterSink, portal: string): ReplyNote | null {
    const text = this.#portals?.get(portal);
    return text === undefined ? null : this.#changesOf(connection, text);
  }

  /** The changes of the session's names by a text that is about to run. */
  #changesOf(connection: RewriterSink, text: NamingText): NameChanges {
    const changes = new NameChanges(connection, this.#names, text);
    if (changes.any) this.#names.sqlSent();
    if (changes.keepsConnection) this.#owner.keepStatements(text.source, text.start);
    return changes;
  }
}
