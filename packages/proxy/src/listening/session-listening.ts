import { buildNoticeResponse } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import { ProxyError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import { clock } from '../relay/clock.ts';
import type { Audience, Listener } from './listener.ts';
import {
  channelsSql,
  listenSql,
  readChannels,
  readNotification,
  setSender,
  unlistenSql,
} from './notification.ts';
import type { Channel, Notification } from './notification.ts';

/** The session, as its listening sees it. */
export interface ListeningOwner {
  readonly pool: Pool;
  /** The database connection on loan, or null. */
  readonly connection: DatabaseConnection | null;
  /** True between requests and outside transactions: PostgreSQL gives notifications only then. */
  readonly takesNotifications: boolean;
  /** When the client last had anything to do, in clock milliseconds. */
  since: number;
  /** Bytes that the client has not taken yet. */
  readonly unread: number;
  /** The process id that the client was told. */
  readonly clientProcessId: number;
  /** Sends whole messages to the client. */
  reply(bytes: Buffer): void;
  /** Keeps the loan, for now or for good, since only it can listen for the session. */
  pinListening(): void;
  unpinListening(): void;
  /** The requests that were parked go on. */
  unpark(): void;
  terminate(error: ProxyError): void;
}

/** Stands for a mark that is not made yet. */
const soon = 'soon';

/** Notifications that a client has not read may take so many bytes; then its connection is closed. */
export const longestBacklog = 1024 * 1024;

/**
 * What one session listens to.
 *
 * LISTEN and UNLISTEN run on the session's own database connection, so that tags, errors, and what transactions and
 * savepoints make of them, are PostgreSQL's. When the transaction has ended, the database is asked to which channels
 * the connection listens. The listening connection takes the new ones over, and the loan can end.
 *
 * No notification is lost or told twice while one takes over from the other: both LISTEN already when a mark, itself a
 * notification, is sent. PostgreSQL keeps all notifications of a database in one queue, in the order of their commits;
 * what stands before the mark is the loan's to tell, what stands behind it the listening connection's.
 *
 * Later loans LISTEN to the session's channels again, in front of its first request. So UNLISTEN finds what it is to
 * end, and the session's own notifications come where PostgreSQL puts them: before ReadyForQuery, with the client's own
 * process id. The listening connection brings those a second time; they are known by their bytes.
 */
export class SessionListening implements Audience {
  /** A statement ran that may have changed to which channels the connection on loan listens. */
  #dirty = false;
  /** At least one of these may have run before the transaction that is open. */
  #dirtyBefore = false;
  /** The database is being asked what the connection on loan listens to. */
  #asking = false;
  readonly #owner: ListeningOwner;
  readonly #listener: Listener;
  /** What the listening connection listens to for the session. */
  #channels = new Set<Channel>();
  /** Those of them that are being taken over. */
  #moving = new Set<Channel>();
  #mark = '';
  #markedHere = false;
  #markedThere = false;
  /** The connection on loan LISTENs to all that the session does. */
  #carried = false;
  /** What was put in front of the loan has failed: what the connection does not listen to says nothing. */
  #blind = false;
  /** The channel of the mark is still listened to on the connection on loan. */
  #markListened = false;
  /** What the database said of the connection on loan, until the session is between requests. */
  #found: Set<Channel> | null = null;
  /** More was listened to while a mark was awaited. */
  #more = false;
  /** Own notifications that the loan has told and the listening connection will bring again, by channel. */
  readonly #told = new Map<Channel, Buffer[]>();
  /** Notifications that wait until the session is between transactions. */
  #held: { readonly notification: Notification; readonly message: Buffer }[] = [];
  #bytes = 0;

  constructor(owner: ListeningOwner, listener: Listener) {
    this.#owner = owner;
    this.#listener = listener;
  }

  get pool(): Pool {
    return this.#owner.pool;
  }

  /** True when what the session listens to is known to the connection on loan only. */
  get unsettled(): boolean {
    return this.#dirty || this.#asking || this.#found !== null || this.#mark !== '';
  }

  /** True when the loss of the connection on loan loses a channel that the client was told it listens to. */
  losesState(inTransaction: boolean): boolean {
    if (this.#asking || this.#found !== null || this.#mark !== '') return true;
    // What was asked within the transaction is undone with it.
    return this.#dirty && (this.#dirtyBefore || !inTransaction);
  }

  /** True when the connection on loan LISTENs. */
  get onLoan(): boolean {
    return this.unsettled || this.#carried;
  }

  /** A statement is about to run that may change it. */
  mayChange(inTransaction: boolean): void {
    this.#dirty = true;
    if (!inTransaction) this.#dirtyBefore = true;
  }

  /** Nothing that was asked to change it took effect, or the database is being asked what did. */
  forgetChange(): void {
    this.#dirty = false;
    this.#dirtyBefore = false;
  }

  // --- The loan ---

  /** A loan begins: puts LISTEN in front of its first request. */
  begin(connection: DatabaseConnection): void {
    this.#forgetLoan();
    if (this.#channels.size === 0) return;
    this.#carried = true;
    connection.gather(
      listenSql(this.#channels),
      new ProxyRequest((answer) => {
        // Own notifications come from the listening connection then.
        if (answer.error !== null) this.#blind = true;
      }),
      'latin1',
    );
  }

  /**
   * Between requests of a loan: finds out what the session listens to now. Returns false while that is not known, or
   * not taken over yet; the connection is settled again when it is. `stays`: the loan does not end when it is settled.
   */
  settle(connection: DatabaseConnection, stays: boolean): boolean {
    if (this.#dirty && this.#mark !== soon) {
      this.forgetChange();
      this.#found = null;
      this.#asking = true;
      connection.run(
        channelsSql,
        new ProxyRequest((answer) => {
          this.#asking = false;
          if (answer.lost || this.#owner.connection !== connection) return;
          if (answer.error === null) this.#found = readChannels(answer.rows);
          else this.#owner.pinListening();
        }),
      );
      return false;
    }
    const found = this.#found;
    if (found !== null) {
      this.#found = null;
      this.#compare(connection, found);
    }
    if (this.#mark !== '') return false;
    this.flush();
    if (!stays || !this.#markListened) return true;
    this.#markListened = false;
    connection.run(unlistenSql(this.#listener.markChannel), new ProxyRequest(() => undefined));
    return false;
  }

  /** The loan is about to end. Returns false while the connection still LISTENs. */
  release(connection: DatabaseConnection): boolean {
    if (!this.#carried) return true;
    this.#carried = false;
    // What comes now must find the session's channels listened to: it goes with the next loan.
    connection.parked = true;
    connection.run(
      'UNLISTEN *',
      new ProxyRequest((answer) => {
        if (answer.lost) return;
        if (answer.error !== null) connection.needsReset = true;
        this.#owner.unpark();
      }),
    );
    return false;
  }

  /** The loan has ended, or its connection was lost. */
  loanEnded(): void {
    this.#forgetLoan();
    this.flush();
  }

  #forgetLoan(): void {
    this.#carried = false;
    this.#asking = false;
    this.#found = null;
    this.#blind = false;
    this.#markListened = false;
  }

  #compare(connection: DatabaseConnection, now: Set<Channel>): void {
    if (now.size > 0) this.#carried = true;
    now.delete(this.#listener.markChannel);
    for (const channel of this.#channels) {
      if (now.has(channel) || this.#blind) continue;
      this.#channels.delete(channel);
      this.#moving.delete(channel);
      this.#forgetTold(channel);
      this.#listener.leave(this, channel);
    }
    const added = [...now].filter((channel) => !this.#channels.has(channel));
    if (added.length === 0) {
      if (this.#channels.size === 0) {
        this.#listener.gone(this, [], this.#mark);
        this.#mark = '';
      }
      if (this.#mark === '') this.#owner.unpinListening();
      return;
    }
    // The listening connection brings the bytes of the database; only to such a client they mean the same.
    const { reported } = connection;
    if (reported.get('client_encoding') !== reported.get('server_encoding')) {
      this.#owner.pinListening();
      return;
    }
    if (this.#mark !== '') {
      // One after the other: what is new by now is moved when the mark has come.
      this.#more = true;
      return;
    }
    for (const channel of added) {
      this.#channels.add(channel);
      this.#moving.add(channel);
    }
    this.#markedHere = false;
    this.#markedThere = false;
    this.#mark = soon;
    this.#markListened = true;
    // No statement of the client's shall find the channel of the mark.
    connection.parked = true;
    connection.run(
      listenSql([this.#listener.markChannel]),
      new ProxyRequest((answer) => {
        if (answer.lost || this.#owner.connection !== connection) return;
        if (answer.error === null) this.#mark = this.#listener.takeOver(this, this.#moving);
        else this.#stay();
      }),
      'latin1',
    );
  }

  /** The new channels stay on the connection on loan. */
  #stay(): void {
    for (const channel of this.#moving) this.#channels.delete(channel);
    this.#moving = new Set();
    this.#mark = '';
    this.#owner.pinListening();
    this.#owner.unpark();
  }

  #moved(): void {
    if (!this.#markedHere || !this.#markedThere) return;
    this.#mark = '';
    this.#moving = new Set();
    if (this.#more) this.mayChange(false);
    this.#more = false;
    this.#owner.unpinListening();
    this.#owner.unpark();
  }

  // --- Notifications ---

  /** A notification on the connection on loan. Returns whether the client gets it from there. */
  notifiedOnLoan(connection: DatabaseConnection, chunk: Buffer, at: number, end: number): boolean {
    const { processId, channel, payload } = readNotification(chunk, at, end);
    if (channel === this.#listener.markChannel) {
      if (payload === this.#mark) {
        this.#markedHere = true;
        this.#moved();
      }
      return false;
    }
    const isOwn = processId === connection.processId;
    const isOwed = !this.#channels.has(channel) || (this.#moving.has(channel) && !this.#markedHere);
    if (!isOwed && !isOwn) return false;
    if (!isOwed && this.#listener.ready) {
      const message = Buffer.from(chunk.subarray(at, end));
      const told = this.#told.get(channel);
      if (told === undefined) this.#told.set(channel, [message]);
      else told.push(message);
      this.#grow(message.length);
    }
    if (isOwn) setSender(chunk, at, this.#owner.clientProcessId);
    return true;
  }

  notified(notification: Notification, message: Buffer): void {
    if (this.#moving.has(notification.channel) && !this.#markedThere) return;
    if (this.#held.length === 0 && this.#canTell) {
      this.#tell(notification, message);
      return;
    }
    this.#held.push({ notification, message });
    this.#grow(message.length);
  }

  marked(mark: string): void {
    if (mark !== this.#mark) return;
    this.#markedThere = true;
    this.#moved();
    // Does nothing while a request or a transaction is under way.
    this.#owner.connection?.settle();
  }

  delayed(): void {
    this.#owner.pinListening();
    this.#owner.unpark();
  }

  missed(seconds: number): void {
    // What the loan told in the meantime comes no second time.
    for (const channel of [...this.#told.keys()]) this.#forgetTold(channel);
    const { fields } = new ProxyError('NOTIFICATIONS_MISSED', { seconds: seconds.toFixed(1) });
    const notice = buildNoticeResponse({ ...fields, severity: 'WARNING' });
    this.#held.push({ notification: { processId: 0, channel: '', payload: '' }, message: notice });
    this.#bytes += notice.length;
    this.flush();
  }

  /** Tells the client what was held back, if it may be told now. */
  flush(): void {
    if (this.#held.length === 0 || !this.#canTell) return;
    const held = this.#held;
    this.#held = [];
    for (const { notification, message } of held) {
      this.#bytes -= message.length;
      this.#tell(notification, message);
    }
  }

  /** The session ends. */
  end(): void {
    this.#held = [];
    this.#listener.gone(this, this.#channels, this.#mark);
  }

  #forgetTold(channel: Channel): void {
    for (const message of this.#told.get(channel) ?? []) this.#bytes -= message.length;
    this.#told.delete(channel);
  }

  get #canTell(): boolean {
    return !this.unsettled && this.#owner.takesNotifications;
  }

  #tell(notification: Notification, message: Buffer): void {
    const { channel } = notification;
    if (channel !== '' && !this.#channels.has(channel)) return;
    const told = this.#told.get(channel);
    if (told !== undefined && told[0]?.equals(message) === true) {
      told.shift();
      if (told.length === 0) this.#told.delete(channel);
      this.#bytes -= message.length;
      return;
    }
    this.#owner.since = clock.now;
    this.#owner.reply(message);
    this.#grow(0);
  }

  /** Memory for a client that does not read has a bound. */
  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes + this.#owner.unread <= longestBacklog) return;
    // Not in the middle of what the database has sent for the client.
    queueMicrotask(() =>
      this.#owner.terminate(new ProxyError('NOTIFICATIONS_NOT_READ', { bytes: longestBacklog })),
    );
  }
}
