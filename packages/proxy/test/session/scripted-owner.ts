import type { BoundCycle, ParsedCycle } from '@sluice/wire';
import type { ConnectionLoss, LeaseOwner } from '../../src/backend/lease-owner.ts';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import type { ProxyError } from '../../src/errors.ts';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import type { ParameterSet } from '../../src/parameters/parameter-set.ts';
import { readUnderAny } from '../../src/parameters/read-under.ts';
import type { ReadUnder } from '../../src/parameters/read-under.ts';
import type { StartValues } from '../../src/parameters/start-values.ts';
import { QueryCycles } from '../../src/protocol/query-cycles.ts';
import { RequestForwarder } from '../../src/session/request-forwarder.ts';
import type { MayReset, RequestOwner, StatementOwner } from '../../src/session/request-owner.ts';
import { Lexis } from '../../src/sql/index.ts';
import type { Effects } from '../../src/sql/index.ts';
import type { ClientStatement } from '../../src/statements/client-statement.ts';
import { ScriptedServer, connectTo, repliesIn } from '../scripted-server.ts';

/** The minimal session for requests: it does what the test says, and records its calls. */
export class ScriptedOwner implements RequestOwner, StatementOwner, LeaseOwner<ServerConnection> {
  readonly cycles = new QueryCycles(this);
  readonly forwarder: RequestForwarder;
  connection: ServerConnection | null = null;
  /** The result of `borrow`; null: the request waits. */
  available: ServerConnection | null = null;
  longestBuffered = 1_000_000;
  /** The bytes to the client, from any source. */
  #sent: Buffer[] = [];
  /** Calls, in words. */
  readonly log: string[] = [];
  /** The number of statements that ran, in each text. */
  ran = 0;
  isTerminated = false;
  /** The number of changes of the conditions for reading from the client. */
  flows = 0;
  ended: ProxyError | null = null;
  /** The internal error that ends the session. */
  error: unknown = null;
  /** The decision of the session. */
  keepsLease = true;
  makesWayNow = true;
  waitsForSequences = false;
  wantsNew = false;
  /** The target of a signal is known immediately. */
  isAimed = true;
  /** What running code may reset. */
  mayReset: MayReset = { names: [], isKnown: true };

  /** The session itself answers. */
  onReply: RequestOwner['reply'] = () => undefined;
  /** Whether a notification goes to the client. */
  onNotified: LeaseOwner<ServerConnection>['notified'] = () => true;

  lexis: Lexis = Lexis.Standard;
  /** Cycles may run on shared leases. */
  shares = false;
  /** The cycles that do. */
  readonly shared: Buffer[] = [];
  /** The error for the next cycle on an existing lease. */
  refuses: Buffer | null = null;
  /** Called when a statement is about to run. */
  onRun: () => void = () => undefined;
  /** Statements that are about to be prepared. */
  parsed = 0;
  /** Normalized queries for subscribers. */
  readonly published: string[] = [];
  /** What distinguishes texts, by whether they have literals. */
  contexts: (hasLiterals: boolean) => string = () => '';
  /** The parameters for parsing texts, by whether they have literals. */
  readingUnder: (hasLiterals: boolean) => ReadUnder = () => readUnderAny;
  startValues: StartValues | null = null;
  readonly known: ParameterSet = new ParameterSets().acquire([]);
  readonly clientEncoding = 'UTF8';
  readonly clientProcessId = 5_000_000;
  readonly blocked = false;
  readonly meaningUncertain = false;
  survivesLoss = true;

  constructor() {
    this.forwarder = new RequestForwarder(this, this);
  }

  /** Gives the session a lease of this connection. */
  lease(connection: ServerConnection): void {
    this.connection = connection;
    connection.leaseTo(this);
  }

  /** The client sends these bytes. */
  send(...bytes: readonly Buffer[]): void {
    this.forwarder.onData(Buffer.concat(bytes));
  }

  /** The messages to the client since the last call, in words. */
  replies(): string[] {
    return repliesIn(this.sentBytes());
  }

  /** The bytes to the client since the last call. */
  sentBytes(): Buffer {
    const bytes = Buffer.concat(this.#sent);
    this.#sent = [];
    return bytes;
  }

  // --- RequestOwner ---

  mayShare(): boolean {
    return this.shares;
  }

  shareParsed(chunk: Buffer, at: number, { end }: ParsedCycle): boolean {
    return this.#share('parsed', chunk.subarray(at, end));
  }

  hasOtherForm(): boolean {
    this.log.push('other form');
    return false;
  }

  shareBound(named: ClientStatement, chunk: Buffer, at: number, { end }: BoundCycle): boolean {
    const text = named.statement.text.toString('latin1', 0, named.statement.text.length - 1);
    return this.#share(`bound ${text}`, chunk.subarray(at, end));
  }

  share(chunk: Buffer, at: number, next: number): boolean {
    return this.#share('query', chunk.subarray(at, next));
  }

  #share(what: string, bytes: Buffer): boolean {
    this.log.push(`share ${what}`);
    this.shared.push(bytes);
    return true;
  }

  borrow(): ServerConnection | null {
    this.log.push('borrow');
    if (this.available !== null) this.lease(this.available);
    return this.available;
  }
  needsNewConnection(): boolean {
    return this.wantsNew;
  }
  leaveConnection(): void {
    this.connection = null;
  }
  mostPending = 1000;
  maySendAhead = true;
  refusal(): Buffer | null {
    return this.refuses;
  }
  workLater(): void {
    setImmediate(() => this.forwarder.resume());
  }
  flow(): void {
    this.flows++;
  }
  reply(bytes: Buffer): void {
    this.onReply(bytes);
    this.#sent.push(bytes);
  }
  terminated(): void {
    this.isTerminated = true;
  }
  terminate(error: ProxyError): void {
    this.ended = error;
  }
  broken(error: unknown): void {
    this.error = error;
    this.connection?.destroy('internal error');
  }

  // --- StatementOwner ---

  lexisReported(): void {
    this.log.push('lexisReported');
  }
  statementContext(hasLiterals: boolean): string {
    return this.contexts(hasLiterals);
  }
  takeMayReset(): MayReset {
    return this.mayReset;
  }
  willRun(effects: Effects): void {
    this.ran++;
    this.cycles.add(effects);
    this.onRun();
  }
  publishStatement(query: string): void {
    this.published.push(query);
  }
  mayNameParameters(text: string): void {
    this.log.push(`names ${text}`);
  }
  vacateFor(): boolean {
    // As for a statement that waits for others: the connection accepts no requests until then.
    if (!this.makesWayNow && this.connection !== null) this.connection.lease.pauseRequests();
    return this.makesWayNow;
  }
  aim(processId: number, ends: boolean): boolean {
    this.log.push(`aims at ${processId}${ends ? ' to end it' : ''}`);
    // Requests continue when it is known.
    if (!this.isAimed) this.connection?.lease.pauseRequests();
    return this.isAimed;
  }
  processFor(): number | null {
    return 77;
  }
  bound(): void {
    // Values do not matter.
  }
  mustWait(): boolean {
    return this.waitsForSequences;
  }
  willParse(): void {
    this.parsed++;
  }
  willRunUnread(reason: string): void {
    this.log.push(`unread ${reason}`);
    this.cycles.addUnread();
  }
  keepStatements(): void {
    this.log.push('keepStatements');
  }
  corrected(assumption: string): void {
    this.log.push(`corrected ${assumption}`);
  }

  // --- LeaseOwner ---

  readsUnder(hasLiterals: boolean): ReadUnder {
    return this.readingUnder(hasLiterals);
  }
  relay(chunk: Buffer, start: number, end: number): void {
    this.cycles.first.relayed = true;
    this.#sent.push(Buffer.from(chunk.subarray(start, end)));
  }
  flushReplies(): void {
    // Nothing is collected.
  }
  cycleBegan(): void {
    this.log.push('began');
  }
  cycleEnded(): void {
    this.cycles.answered(performance.now());
  }
  syncsIgnored(count: number): void {
    this.cycles.ignored(count);
  }
  tryRelease(): boolean {
    return !this.keepsLease;
  }
  leaseEnded(): void {
    const { connection } = this;
    this.connection = null;
    if (connection !== null) this.forwarder.leaseEnded(connection);
  }
  planOutdated(): boolean {
    return this.#repeats((connection) => this.forwarder.requestToRenew(connection));
  }
  assumptionContradicted(assumption: string): boolean {
    this.connection?.state.statements.markUncertain();
    this.corrected(assumption);
    return this.#repeats((connection) => this.forwarder.requestToRepeat(connection));
  }
  #repeats(request: (connection: ServerConnection) => Buffer | null): boolean {
    const { connection } = this;
    if (connection === null || this.cycles.first.relayed) return false;
    const again = request(connection);
    if (again === null) return false;
    connection.pending.discardHead();
    this.forwarder.repeat(again);
    return true;
  }
  get awaitsAnswers(): boolean {
    return this.forwarder.awaitsAnswers;
  }
  translate(text: string): string {
    return this.forwarder.translate(text);
  }
  connectionLost(loss: ConnectionLoss): void {
    this.log.push(`lost ${loss.cycles}`);
    this.connection = null;
  }
  canSendAgain(): boolean {
    return false;
  }
  sendAgain(): void {
    throw new Error('it was not to be sent again');
  }
  replayed(): void {
    this.forwarder.settled();
  }
  replayRefused(): void {
    this.connection = null;
  }
  resume(): void {
    this.forwarder.resume();
  }
  parametersReported(): void {
    this.log.push('parameters reported');
  }

  parameterReported(name: string): void {
    this.log.push(`reported ${name}`);
  }
  notified(...message: Parameters<LeaseOwner<ServerConnection>['notified']>): boolean {
    return this.onNotified(...message);
  }
}

export interface Parts {
  readonly owner: ScriptedOwner;
  readonly server: ScriptedServer;
  readonly connection: ServerConnection;
}

/** The session continues on another connection. */
export function moved(
  { owner, connection }: Pick<Parts, 'owner' | 'connection'>,
  server = new ScriptedServer(),
): ScriptedServer {
  owner.forwarder.leaseEnded(owner.connection ?? connection);
  owner.connection = null;
  owner.available = connectTo(server);
  return server;
}

/** Names on server connections, numbered in order of appearance. */
export function renamed(words: readonly string[]): string[] {
  const names: string[] = [];
  return words.map((word) =>
    word.replace(/sluice_[0-9a-f]+_\d+/g, (name) => {
      if (!names.includes(name)) names.push(name);
      return `#${names.indexOf(name) + 1}`;
    }),
  );
}

/** A session that gets a connection to a scripted server when it asks for one. */
export function parts(server = new ScriptedServer()): Parts {
  const connection = connectTo(server);
  const owner = new ScriptedOwner();
  owner.available = connection;
  return { owner, server, connection };
}
