import { buildNoticeResponse, writeNotificationSender } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import { clock } from '../io/clock.ts';
import type { Audience, Listener } from './listener.ts';
import {
  channelsSql,
  listenSql,
  readChannels,
  readNotification,
  unlistenSql,
} from './notification.ts';
import type { Channel, Notification } from './notification.ts';

/** The session, as its listening sees it. */
export interface ListeningOwner {
  readonly pool: Pool;
  /** The leased server connection, or null. */
  readonly connection: ServerConnection | null;
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
  /** Keeps the lease, for now or for good, since only it can listen for the session. */
  pinListening(): void;
  unpinListening(): void;
  /** The requests that were parked go on. */
  resumeRequests(): void;
  terminate(error: ProxyError): void;
}

/** Stands for a mark that is not made yet. */
const soon = 'soon';

/** Notifications that a client has not read may take so many bytes; then its connection is closed. */
const longestBacklog = 1024 * 1024;

/**
 * What one session listens to.
 *
 * LISTEN and UNLISTEN run on the session's own server connection, so that tags, errors, and what transactions and
 * savepoints make of them, are PostgreSQL's. When the transaction has ended, the database is asked to which channels
 * the connection listens. The listening connection takes the new ones over, and the lease can end.
 *
 * No notification is lost or told twice while one takes over from the other: both LISTEN already when a mark, itself a
 * notification, is sent. PostgreSQL keeps all notifications of a database in one queue, in the order of their commits;
 * what stands before the mark is the lease's to tell, what stands behind it the listening connection's.
 *
 * Later leases LISTEN to the session's channels again, in front of its first request. So UNLISTEN finds what it is to
 * end, and the session's own notifications come where PostgreSQL puts them: before ReadyForQuery, with the client's own
 * process id. The listening connection brings those a second time; they are known by their bytes.
 */
export class SessionListening implements Audience {
  /** A statement ran that may have changed to which channels the leased connection listens. */
  #dirty = false;
  /** At least one of these may have run before the transaction that is open. */
  #dirtyBefore = false;
  /** The database is being asked what the leased connection listens to. */
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
  /** The connection leased LISTENs to all that the session does. */
  #tracked = false;
  /** What was put in front of the lease has failed: what the connection does not listen to says nothing. */
  #blind = false;
  /** The channel of the mark is still listened to on the leased connection. */
  #markListened = false;
  /** What the database said of the leased connection, until the session is between requests. */
  #found: Set<Channel> | null = null;
  /** More was listened to while a mark was awaited. */
  #more = false;
  /** Own notifications that the lease has told and the listening connection will bring again, by channel. */
  readonly #told = new Map<Channel, Buffer[]>();
  /** Notifications that wait until the session is between transactions. */
  #backlog: { readonly notification: Notification; readonly message: Buffer }[] = [];
  #bytes = 0;

  constructor(owner: ListeningOwner, listener: Listener) {
    this.#owner = owner;
    this.#listener = listener;
    listener.attach();
  }

  /** How many channels the session listens to, as far as that is known. */
  get size(): number {
    return this.#channels.size + this.#moving.size;
  }

  get pool(): Pool {
    return this.#owner.pool;
  }

  /** True when what the session listens to is known to the leased connection only. */
  get unsettled(): boolean {
    return this.#dirty || this.#asking || this.#found !== null || this.#mark !== '';
  }

  /** True when the loss of the leased connection loses a channel that the client was told it listens to. */
  losesState(inTransaction: boolean): boolean {
    if (this.#asking || this.#found !== null || this.#mark !== '') return true;
    // What was asked within the transaction is undone with it.
    return this.#dirty && (this.#dirtyBefore || !inTransaction);
  }

  /** The leased connection LISTENs to what the session does. */
  get isTracked(): boolean {
    return this.#tracked;
  }

  /** True when the leased connection LISTENs. */
  get isLeased(): boolean {
    return this.unsettled || this.#tracked;
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

  // --- The lease ---

  /** What the session listens to between its leases. */
  get channels(): readonly Channel[] {
    return [...this.#channels];
  }

  /** A lease begins: puts LISTEN in front of its first request. */
  begin(connection: ServerConnection): void {
    this.#forgetLease();
    if (this.#channels.size === 0) return;
    this.#tracked = true;
    connection.gather(
      listenSql(this.#channels),
      new InternalQuery((answer) => {
        // Own notifications come from the listening connection then.
        if (answer.error !== null) this.#blind = true;
      }),
      'latin1',
    );
  }

  /**
   * Between requests of a lease: finds out what the session listens to now. Returns false while that is not known, or
   * not taken over yet; the connection is settled again when it is. `stays`: the lease does not end when it is settled.
   */
  settle(connection: ServerConnection, stays: boolean): boolean {
    if (this.#dirty && this.#mark !== soon) {
      this.forgetChange();
      this.#found = null;
      this.#asking = true;
      connection.run(
        channelsSql,
        new InternalQuery((answer) => {
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
    connection.run(unlistenSql(this.#listener.markChannel), new InternalQuery(() => undefined));
    return false;
  }

  /** The lease is about to end. Returns false while the connection still LISTENs. */
  release(connection: ServerConnection): boolean {
    if (!this.#tracked) return true;
    this.#tracked = false;
    // What comes now must find the session's channels listened to: it goes with the next lease.
    connection.lease.pauseRequests();
    connection.run(
      'UNLISTEN *',
      new InternalQuery((answer) => {
        if (answer.lost) return;
        if (answer.error !== null) connection.state.needsReset = true;
        this.#owner.resumeRequests();
      }),
    );
    return false;
  }

  /** The lease has ended, or its connection was lost. */
  leaseEnded(): void {
    this.#forgetLease();
    this.flush();
  }

  #forgetLease(): void {
    this.#tracked = false;
    this.#asking = false;
    this.#found = null;
    this.#blind = false;
    this.#markListened = false;
  }

  #compare(connection: ServerConnection, now: Set<Channel>): void {
    if (now.size > 0) this.#tracked = true;
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
    const { reported } = connection.state;
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
    connection.lease.pauseRequests();
    connection.run(
      listenSql([this.#listener.markChannel]),
      new InternalQuery((answer) => {
        if (answer.lost || this.#owner.connection !== connection) return;
        if (answer.error === null) this.#mark = this.#listener.takeOver(this, this.#moving);
        else this.#stay();
      }),
      'latin1',
    );
  }

  /** The new channels stay on the leased connection. */
  #stay(): void {
    for (const channel of this.#moving) this.#channels.delete(channel);
    this.#moving = new Set();
    this.#mark = '';
    this.#owner.pinListening();
    this.#owner.resumeRequests();
  }

  #moved(): void {
    if (!this.#markedHere || !this.#markedThere) return;
    this.#mark = '';
    this.#moving = new Set();
    if (this.#more) this.mayChange(false);
    this.#more = false;
    this.#owner.unpinListening();
    this.#owner.resumeRequests();
  }

  // --- Notifications ---

  /** A notification on the leased connection. Returns whether the client gets it from there. */
  notifiedOnLease(connection: ServerConnection, chunk: Buffer, at: number, end: number): boolean {
    const { processId, channel, payload } = readNotification(chunk, at, end);
    if (channel === this.#listener.markChannel) {
      if (payload === this.#mark) {
        this.#markedHere = true;
        this.#moved();
      }
      return false;
    }
    const isOwn = processId === connection.processId;
    const isPending =
      !this.#channels.has(channel) || (this.#moving.has(channel) && !this.#markedHere);
    if (!isPending && !isOwn) return false;
    if (!isPending && this.#listener.ready) {
      const message = Buffer.from(chunk.subarray(at, end));
      const told = this.#told.get(channel);
      if (told === undefined) this.#told.set(channel, [message]);
      else told.push(message);
      this.#grow(message.length);
    }
    if (isOwn) writeNotificationSender(chunk, at, this.#owner.clientProcessId);
    return true;
  }

  notified(notification: Notification, message: Buffer): void {
    if (this.#moving.has(notification.channel) && !this.#markedThere) return;
    if (this.#backlog.length === 0 && this.#canTell) {
      this.#tell(notification, message);
      return;
    }
    this.#backlog.push({ notification, message });
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
    this.#owner.resumeRequests();
  }

  missed(seconds: number): void {
    // What the lease told in the meantime comes no second time.
    for (const channel of [...this.#told.keys()]) this.#forgetTold(channel);
    const { fields } = new ProxyError('NOTIFICATIONS_MISSED', { seconds: seconds.toFixed(1) });
    const notice = buildNoticeResponse({ ...fields, severity: 'WARNING' });
    this.#backlog.push({
      notification: { processId: 0, channel: '', payload: '' },
      message: notice,
    });
    this.#bytes += notice.length;
    this.flush();
  }

  /** Tells the client what was held back, if it may be told now. */
  flush(): void {
    if (this.#backlog.length === 0 || !this.#canTell) return;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const { notification, message } of backlog) {
      this.#bytes -= message.length;
      this.#tell(notification, message);
    }
  }

  /** The session ends. */
  end(): void {
    this.#backlog = [];
    this.#listener.gone(this, this.#channels, this.#mark);
    this.#listener.detach();
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
