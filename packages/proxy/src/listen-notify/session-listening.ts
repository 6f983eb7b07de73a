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
  /** True between requests and outside transactions: only then does PostgreSQL deliver notifications. */
  readonly takesNotifications: boolean;
  /** When the client was last active, in clock milliseconds. */
  since: number;
  /** Bytes that the client has not taken yet, and how many there may be. */
  readonly unread: number;
  readonly mostUnread: number;
  /** The process ID of the client. */
  readonly clientProcessId: number;
  /** Sends complete messages to the client. */
  reply(bytes: Buffer): void;
  /** Keeps the lease, temporarily or permanently, because only it can listen for the session. */
  pinListening(): void;
  unpinListening(): void;
  /** The paused requests continue. */
  resumeRequests(): void;
  /** More is unread than there may be: ends the session. */
  unreadExceeded(): void;
}

/** Represents a marker that does not exist yet. */
const soon = 'soon';

/**
 * The channels of one session.
 *
 * LISTEN and UNLISTEN run on the session's own server connection, so that PostgreSQL decides about tags, errors,
 * transactions and savepoints. After the transaction, the proxy queries the channels of the connection. The listening
 * connection takes over the new ones, and the lease can end.
 *
 * No notification is lost or duplicated in the takeover: both connections LISTEN already when a marker, itself a
 * notification, is sent. PostgreSQL has one queue of notifications per database, in commit order. The lease delivers
 * those before the marker, and the listening connection those after it.
 *
 * Later leases LISTEN on the session's channels again, before its first request. So UNLISTEN finds its channels, and
 * the session's own notifications come where PostgreSQL sends them: before ReadyForQuery, with the client's own process
 * ID. The listening connection receives these a second time; they are recognized by their bytes.
 */
export class SessionListening implements Audience {
  /** A statement ran that may have changed the channels of the leased connection. */
  #dirty = false;
  /** At least one of these may have run before the open transaction. */
  #dirtyBefore = false;
  /** The channels of the leased connection are being queried. */
  #isQuerying = false;
  readonly #owner: ListeningOwner;
  readonly #listener: Listener;
  /** The channels that the listening connection has for the session. */
  #channels = new Set<Channel>();
  /** Those that are being taken over. */
  #moving = new Set<Channel>();
  #mark = '';
  #markedHere = false;
  #markedThere = false;
  /** The leased connection LISTENs on all channels of the session. */
  #tracked = false;
  /** The LISTEN before the lease has failed, so the channels of the connection are incomplete. */
  #blind = false;
  /** The leased connection still LISTENs on the marker's channel. */
  #markListened = false;
  /** The queried channels of the leased connection, until the session is between requests. */
  #found: Set<Channel> | null = null;
  /** More channels were added while a marker was pending. */
  #more = false;
  /**
   * The session's own notifications that the lease has delivered and the listening connection will receive again, by
   * channel.
   */
  readonly #delivered = new Map<Channel, Buffer[]>();
  /** Notifications that wait until the session is between transactions. */
  #backlog: { readonly notification: Notification; readonly message: Buffer }[] = [];
  #bytes = 0;

  constructor(owner: ListeningOwner, listener: Listener) {
    this.#owner = owner;
    this.#listener = listener;
    listener.attach();
  }

  /** The number of channels of the session, as far as known. */
  get size(): number {
    return this.#channels.size + this.#moving.size;
  }

  get pool(): Pool {
    return this.#owner.pool;
  }

  /** True if only the leased connection knows the channels of the session. */
  get unsettled(): boolean {
    return this.#dirty || this.#isQuerying || this.#found !== null || this.#mark !== '';
  }

  /** True if the loss of the leased connection loses a channel whose LISTEN the client was acknowledged. */
  losesState(inTransaction: boolean): boolean {
    if (this.#isQuerying || this.#found !== null || this.#mark !== '') return true;
    // Requests within the transaction are undone with it.
    return this.#dirty && (this.#dirtyBefore || !inTransaction);
  }

  /** The leased connection LISTENs on the channels of the session. */
  get isTracked(): boolean {
    return this.#tracked;
  }

  /** True if the leased connection LISTENs. */
  get isLeased(): boolean {
    return this.unsettled || this.#tracked;
  }

  /** A statement is about to run that may change the channels. */
  mayChange(inTransaction: boolean): void {
    this.#dirty = true;
    if (!inTransaction) this.#dirtyBefore = true;
  }

  /** No request to change the channels took effect, or the database is being queried for them. */
  forgetChange(): void {
    this.#dirty = false;
    this.#dirtyBefore = false;
  }

  // --- The lease ---

  /** The channels of the session between its leases. */
  get channels(): readonly Channel[] {
    return [...this.#channels];
  }

  /** A lease begins: adds LISTEN before its first request. */
  begin(connection: ServerConnection): void {
    this.#forgetLease();
    if (this.#channels.size === 0) return;
    this.#tracked = true;
    connection.gather(
      listenSql(this.#channels),
      new InternalQuery((answer) => {
        // The session's own notifications come from the listening connection then.
        if (answer.error !== null) this.#blind = true;
      }),
      'latin1',
    );
  }

  /**
   * Between requests of a lease: determines the channels of the session. Returns false while they are unknown, or not
   * taken over yet; the connection is settled again when they are. `stays`: the lease does not end when it is settled.
   */
  settle(connection: ServerConnection, stays: boolean): boolean {
    if (this.#dirty && this.#mark !== soon) {
      this.forgetChange();
      this.#found = null;
      this.#isQuerying = true;
      connection.run(
        channelsSql,
        new InternalQuery((answer) => {
          this.#isQuerying = false;
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
    // Requests that arrive now need the session's channels, so they go to the next lease.
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
    this.#isQuerying = false;
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
      this.#forgetDelivered(channel);
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
    // The listening connection has bytes in the encoding of the database; they are valid only for such a client.
    const { reported } = connection.state;
    if (reported.get('client_encoding') !== reported.get('server_encoding')) {
      this.#owner.pinListening();
      return;
    }
    if (this.#mark !== '') {
      // One takeover at a time: new channels are moved when the marker has arrived.
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
    // No statement of the client must see the marker's channel.
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
      const delivered = this.#delivered.get(channel);
      if (delivered === undefined) this.#delivered.set(channel, [message]);
      else delivered.push(message);
      this.#grow(message.length);
    }
    if (isOwn) writeNotificationSender(chunk, at, this.#owner.clientProcessId);
    return true;
  }

  notified(notification: Notification, message: Buffer): void {
    if (this.#moving.has(notification.channel) && !this.#markedThere) return;
    if (this.#backlog.length === 0 && this.#canDeliver) {
      this.#deliver(notification, message);
      return;
    }
    this.#backlog.push({ notification, message });
    this.#grow(message.length);
  }

  marked(mark: string): void {
    if (mark !== this.#mark) return;
    this.#markedThere = true;
    this.#moved();
    // Does nothing during a request or a transaction.
    this.#owner.connection?.settle();
  }

  delayed(): void {
    this.#owner.pinListening();
    this.#owner.resumeRequests();
  }

  missed(seconds: number): void {
    // Notifications that the lease has delivered in the meantime are not delivered twice.
    for (const channel of [...this.#delivered.keys()]) this.#forgetDelivered(channel);
    const { fields } = new ProxyError('NOTIFICATIONS_MISSED', { seconds: seconds.toFixed(1) });
    const notice = buildNoticeResponse({ ...fields, severity: 'WARNING' });
    this.#backlog.push({
      notification: { processId: 0, channel: '', payload: '' },
      message: notice,
    });
    this.#bytes += notice.length;
    this.flush();
  }

  /** Delivers queued notifications to the client, if it can get them now. */
  flush(): void {
    if (this.#backlog.length === 0 || !this.#canDeliver) return;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const { notification, message } of backlog) {
      this.#bytes -= message.length;
      this.#deliver(notification, message);
    }
  }

  /** The session ends. */
  end(): void {
    this.#backlog = [];
    this.#listener.gone(this, this.#channels, this.#mark);
    this.#listener.detach();
  }

  #forgetDelivered(channel: Channel): void {
    for (const message of this.#delivered.get(channel) ?? []) this.#bytes -= message.length;
    this.#delivered.delete(channel);
  }

  get #canDeliver(): boolean {
    return !this.unsettled && this.#owner.takesNotifications;
  }

  #deliver(notification: Notification, message: Buffer): void {
    const { channel } = notification;
    if (channel !== '' && !this.#channels.has(channel)) return;
    const delivered = this.#delivered.get(channel);
    if (delivered !== undefined && delivered[0]?.equals(message) === true) {
      delivered.shift();
      if (delivered.length === 0) this.#delivered.delete(channel);
      this.#bytes -= message.length;
      return;
    }
    this.#owner.since = clock.now;
    this.#owner.reply(message);
    this.#grow(0);
  }

  /** The memory for a client that does not read is limited. */
  #grow(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes + this.#owner.unread <= this.#owner.mostUnread) return;
    // Not in the middle of a message for the client.
    queueMicrotask(() => this.#owner.unreadExceeded());
  }
}
