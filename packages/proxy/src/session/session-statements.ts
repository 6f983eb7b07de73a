import { bodyAt, messageEnd, stringEnd } from '@sluice/wire';
import type { RewriterSink } from './rewriter-sink.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import type { ConversationOwner } from '../recovery/lost-conversation.ts';
import { classifyBytes } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { backendNameIn, nameIn, showClientNames } from '../statements/backend-names.ts';
import { ClientStatement } from '../statements/client-statement.ts';
import { SessionNames } from '../statements/session-names.ts';
import { SessionUnnamed } from '../statements/session-unnamed.ts';
import { UnnamedStatement } from '../statements/unnamed-statement.ts';
import type { StatementOwner } from './request-owner.ts';
import { RequestTexts } from './request-texts.ts';

/** The prepared statements of a session: those with names, and the unnamed one. */
export class SessionStatements implements ConversationOwner {
  readonly names: SessionNames;
  readonly unnamed: SessionUnnamed;
  readonly texts: RequestTexts;
  readonly #owner: StatementOwner;

  constructor(owner: StatementOwner, cycles: QueryCycles) {
    this.#owner = owner;
    this.names = new SessionNames(cycles);
    this.unnamed = new SessionUnnamed(cycles);
    this.texts = new RequestTexts(owner, this.names, cycles);
  }

  /** The session has ended. */
  close(): void {
    this.names.clear();
  }

  /** The lease has ended. */
  leaseEnded(connection: RewriterSink): void {
    this.names.settled();
    this.texts.leaseEnded();
    this.unnamed.leaseEnded(connection);
  }

  /**
   * The current cycle is about to change how texts are parsed. True if some SQL-level statements could not be prepared
   * again then.
   */
  lexisChanges(): boolean {
    this.texts.lexisChanges();
    return this.names.keepFragile();
  }

  effectsOf(name: string): Effects | null {
    return (name === '' ? this.unnamed.use : this.names.get(name))?.effects ?? null;
  }

  keepParsed(chunk: Buffer, at: number, next: number, effects: Effects): void {
    const nameEnd = stringEnd(chunk, bodyAt(at));
    const name = nameIn(chunk, bodyAt(at), nameEnd);
    if (name === '') this.unnamed.put(new UnnamedStatement(chunk, at, next, effects, readUnderAny));
    else if (this.names.get(name) === undefined) {
      const textEnd = chunk.indexOf(0, nameEnd + 1);
      const statement = this.texts.intern(null, chunk, nameEnd + 1, textEnd, next, effects);
      this.names.put(name, new ClientStatement(statement));
    }
  }

  forget(name: string): void {
    if (name === '') this.unnamed.clear();
    else this.names.delete(name);
  }

  /** The Parse at the beginning of `chunk` has succeeded on a shared lease. */
  unnamedParsed(chunk: Buffer): void {
    const next = messageEnd(chunk, 0);
    const start = bodyAt(0) + 1;
    const effects = classifyBytes(chunk, start, chunk.indexOf(0, start), this.#owner.lexis);
    const readUnder = this.#owner.readsUnder(true);
    this.unnamed.put(new UnnamedStatement(chunk, 0, next, effects, readUnder));
  }

  /**
   * The protocol-level statement with the name `chunk[start, end)`, while no reply is pending; null if there is none.
   */
  at(chunk: Buffer, start: number, end: number): ClientStatement | null {
    const named = this.names.get(nameIn(chunk, start, end));
    return named instanceof ClientStatement ? named : null;
  }

  /** Replaces the names of statements on the server connection by those of the client. */
  translate(text: string): string {
    return showClientNames(text, (name) => this.names.nameOf(name));
  }

  /**
   * The error says that a statement does not exist. True if code that the session has run has closed it: then its name
   * has no meaning. The error is not translated yet.
   */
  hasClosed(connection: RewriterSink, error: string): boolean {
    const backendName = backendNameIn(error);
    const called = backendName === null ? null : this.names.calledBy(backendName);
    if (called === null) return false;
    const [name, statement] = called;
    if (!connection.state.statements.wasClosedByCode(statement)) return false;
    this.names.forget(name);
    return true;
  }
}
