import { randomBytes } from 'node:crypto';
import { ServerConnection } from '../backend/server-connection.ts';
import { InternalLeaseOwner } from '../backend/internal-lease-owner.ts';
import type { ConnectionOwner } from '../backend/lease-owner.ts';
import type { LoginResult } from '../backend/login-result.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { retryDelay } from '../pool/back-off.ts';
import type { Pool } from '../pool/pool.ts';
import type { ConnectionSource } from '../backend/connection-source.ts';
import { clock } from '../io/clock.ts';
import { events } from '../telemetry/events.ts';
import { ListenerStats } from './listener-stats.ts';
import { listenSql, notifySql, readNotification, unlistenSql } from './notification.ts';
import type { Channel, Notification } from './notification.ts';

/** A session that listens, as the listening connection sees it. */
export interface Audience {
  readonly pool: Pool;
  /** A notification on one of its channels. `message` is a copy that can be kept. */
  notified(notification: Notification, message: Buffer): void;
  /** The marker has arrived: the notifications after it are delivered from here. */
  marked(mark: string): void;
  /** The listening connection is not available at the moment; the request is served when it is. */
  delayed(why: string): void;
  /** Notifications may have been lost; `seconds` is the length of the gap. */
  missed(seconds: number): void;
}

/** The prefix of the proxy's own channels. */
const ownPrefix = 'sluice_mark_';

/** A connection that has been silent for this long is checked, in milliseconds. */
const silence = 10_000;

/** How long the connection stays open after the last listening session, in milliseconds: some return immediately. */
const linger = 2000;

/**
 * The listening connection of one database: it LISTENs on all channels of all sessions, and delivers each notification
 * to the sessions on its channel. It is open while sessions listen, and counts against the connection budget.
 *
 * It logs in as the user of a pool with listening sessions: LISTEN needs no privilege, and notifications belong to the
 * database, not to the user.
 */
export class Listener extends InternalLeaseOwner implements ConnectionOwner<ServerConnection> {
  readonly database: string;
  readonly stats = new ListenerStats();
  /**
   * A marker on this channel separates the notifications of two connections when one takes over from the other. Clients
   * cannot guess its name.
   */
  readonly markChannel: Channel = ownPrefix + randomBytes(9).toString('hex');

  readonly initQuery = '';

  readonly #audiences = new Map<Channel, Set<Audience>>();
  /** The audiences that take over from a lease, by their marker. */
  readonly #marks = new Map<string, Audience>();
  #connection: ServerConnection | null = null;
  #release: (() => void) | null = null;
  #pool: Pool | null = null;
  /** It listens, or is about to, on every channel with an audience. */
  #ready = false;
  /** The database has accepted every LISTEN. */
  #proven = false;
  #closing = false;
  /** When the last connection was lost (clock milliseconds), or null if none was, or nothing was missed. */
  #lostAt: number | null = null;
  #failures = 0;
  #retryAt = 0;
  #nextMark = 1;
  #lastReceived = clock.now;
  /** Sessions that listen or have listened, and have not ended. */
  #sessions = 0;
  /** When the last session left (clock milliseconds). */
  #deserted = 0;

  constructor(database: string) {
    super();
    this.database = database;
  }

  /** True if notifications on a channel with an audience arrive here. */
  get ready(): boolean {
    return this.#ready;
  }

  /** 1 while the listening connection is open. */
  get connections(): number {
    return this.#connection === null ? 0 : 1;
  }

  /** No session listens or may begin to: the listener can be dropped. */
  get isUnused(): boolean {
    return this.#sessions === 0 && this.#connection === null && this.#release === null;
  }

  /** A session that may listen was added. */
  attach(): void {
    this.#sessions++;
  }

  /** It was removed. */
  detach(): void {
    this.#sessions--;
  }

  /** Sessions that listen. */
  get sessions(): number {
    return new Set([...this.#audiences.values()].flatMap((audiences) => [...audiences])).size;
  }

  /**
   * Listens for an audience that used another connection for these channels. That connection listens on `markChannel`
   * too. After `audience.marked()`, the notifications here are those after the marker there.
   */
  takeOver(audience: Audience, channels: Iterable<Channel>): string {
    const added: Channel[] = [];
    for (const channel of channels) {
      let audiences = this.#audiences.get(channel);
      if (audiences === undefined) {
        audiences = new Set();
        this.#audiences.set(channel, audiences);
        added.push(channel);
      }
      audiences.add(audience);
    }
    const mark = `${this.#nextMark++}`;
    this.#marks.set(mark, audience);
    if (this.#ready) {
      this.#listen(added);
      this.#mark(mark);
    } else this.#open();
    return mark;
  }

  /** The audience no longer listens on the channel. */
  leave(audience: Audience, channel: Channel): void {
    const audiences = this.#audiences.get(channel);
    if (audiences === undefined || !audiences.delete(audience) || audiences.size > 0) return;
    this.#audiences.delete(channel);
    if (this.#audiences.size === 0) this.#deserted = clock.now;
    if (this.#ready) this.#run(unlistenSql(channel));
  }

  /** The audience is gone, or no longer waits. */
  gone(audience: Audience, channels: Iterable<Channel>, mark: string): void {
    this.#marks.delete(mark);
    for (const channel of channels) this.leave(audience, channel);
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    const connection = this.#connection;
    if (connection === null) {
      if (this.#audiences.size > 0) this.#open();
      return;
    }
    if (this.#audiences.size === 0 && clock.now - this.#deserted >= linger) {
      this.#close('no session listens');
    } else if (this.#pool?.isCurrent(connection) !== true) {
      // Another server is the writer now, or the password has changed.
      connection.destroy('the credentials or the target have changed');
    } else if (clock.now - this.#lastReceived >= 2 * silence) {
      connection.destroy('the listening connection does not respond');
    } else if (clock.now - this.#lastReceived >= silence && connection.pending.length === 0) {
      this.#run('');
    }
  }

  /** Closes the connection if no session listens; it would only linger. */
  makeWay(closing: (closed: Promise<void>) => void): void {
    const connection = this.#connection;
    if (connection === null || this.#audiences.size > 0) return;
    closing(connection.ended);
    this.#close('a statement needs the database without connections');
  }

  /** The proxy stops. */
  stop(): void {
    this.#closing = true;
    this.#close('the proxy is stopping');
  }

  // --- The connection ---

  #open(): void {
    if (this.#closing || this.#release !== null || clock.now < this.#retryAt) return;
    const pool = this.#choosePool();
    // Without a target there is nothing to try; the next tick checks again.
    if (pool === null || pool.pauseReason !== null) return;
    const release = pool.openAside((failure, login, source) => {
      if (this.#release !== release) {
        login?.socket.destroy();
        return;
      }
      if (login === null) {
        this.#release = null;
        release?.();
        this.#failed(pool, failure?.fields.message ?? 'there is no connection');
      } else this.#opened(pool, login, source);
    });
    if (release === null) this.#failed(pool, 'no server connection is available');
    else this.#release = release;
  }

  /** Each failure tries the next pool, because another user may be allowed to log in. */
  #choosePool(): Pool | null {
    const pools = new Set<Pool>();
    for (const audiences of this.#audiences.values())
      for (const { pool } of audiences) pools.add(pool);
    return [...pools][this.#failures % Math.max(1, pools.size)] ?? null;
  }

  #failed(pool: Pool, why: string): void {
    const { retryMin, retryMax } = pool.limits;
    this.#failures++;
    this.#retryAt = clock.now + retryDelay(this.#failures, retryMin, retryMax);
    for (const audience of this.#marks.values()) audience.delayed(why);
    if (this.#failures === 1)
      events.listeningFailed.publish({ database: this.database, user: pool.user, message: why });
  }

  #opened(pool: Pool, login: LoginResult, source: ConnectionSource): void {
    const connection = new ServerConnection(login, this, 1, source);
    this.#connection = connection;
    this.#pool = pool;
    this.#lastReceived = clock.now;
    connection.loginGeneration = pool.loginGeneration;
    connection.leaseTo(this);
    // Names and payloads come in the encoding of the database, without conversion to a client encoding.
    this.#run(
      "SET client_encoding = 'SQL_ASCII'; SET statement_timeout = 0; SET application_name = 'sluice'",
    );
    this.#run('SET idle_session_timeout = 0', true);
    this.#run(listenSql([this.markChannel]));
    this.#listen(this.#audiences.keys());
    connection.run(
      'SELECT 1',
      new InternalQuery((answer) => {
        if (this.#connection !== connection) return;
        if (answer.lost || answer.error !== null) {
          connection.destroy(`LISTEN failed: ${answer.error?.message ?? ''}`);
          return;
        }
        this.#failures = 0;
        this.#proven = true;
        this.#reportGap();
      }),
    );
    this.#ready = true;
    // A marker sent on the connection before this one was lost may have arrived on the other side only.
    for (const mark of this.#marks.keys()) this.#mark(mark);
  }

  #reportGap(): void {
    const lostAt = this.#lostAt;
    if (lostAt === null) return;
    this.#lostAt = null;
    const seconds = (clock.now - lostAt) / 1000;
    this.stats.gaps++;
    this.stats.gapSeconds += seconds;
    events.listeningResumed.publish({ database: this.database, seconds, sessions: this.sessions });
    const affected = new Set([...this.#audiences.values()].flatMap((audiences) => [...audiences]));
    for (const audience of affected) audience.missed(seconds);
  }

  #listen(channels: Iterable<Channel>): void {
    const sql = listenSql(channels);
    if (sql !== '') this.#run(sql);
  }

  #mark(mark: string): void {
    this.#run(notifySql(this.markChannel, mark));
  }

  /** Runs a statement without which the connection is unusable, unless it `mayFail`. */
  #run(sql: string, mayFail = false): void {
    const connection = this.#connection;
    connection?.run(
      sql,
      new InternalQuery((answer) => {
        if (answer.error !== null && !answer.lost && !mayFail)
          connection.destroy(`the database refused ${sql}: ${answer.error.message}`);
      }),
      'latin1',
    );
  }

  #close(why: string): void {
    this.#ready = false;
    this.#lostAt = null;
    const connection = this.#connection;
    if (connection !== null) connection.close(why);
    else {
      this.#release?.();
      this.#release = null;
    }
  }

  // --- Messages on the connection ---

  override notified(chunk: Buffer, at: number, end: number): boolean {
    this.#lastReceived = clock.now;
    const notification = readNotification(chunk, at, end);
    if (notification.channel === this.markChannel) {
      const audience = this.#marks.get(notification.payload);
      this.#marks.delete(notification.payload);
      audience?.marked(notification.payload);
      return false;
    }
    const audiences = this.#audiences.get(notification.channel);
    if (audiences === undefined) return false;
    // One copy for all sessions: a slice would keep the whole chunk.
    const message = Buffer.from(chunk.subarray(at, end));
    this.stats.notifications += audiences.size;
    for (const audience of [...audiences]) audience.notified(notification, message);
    return false;
  }

  closed(connection: ServerConnection, error: { readonly message: string }): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#release?.();
    this.#release = null;
    const proven = this.#proven;
    this.#proven = false;
    this.#ready = false;
    if (this.#audiences.size === 0 || this.#closing) return;
    if (proven) {
      this.#lostAt = clock.now;
      events.listeningLost.publish({
        database: this.database,
        sessions: this.sessions,
        channels: this.#audiences.size,
        message: error.message,
      });
    }
    if (!proven && this.#pool !== null) this.#failed(this.#pool, error.message);
    this.#open();
  }

  override cycleEnded(): void {
    this.#lastReceived = clock.now;
  }

  override tryRelease(): boolean {
    this.#lastReceived = clock.now;
    return false;
  }

  override connectionLost(): void {
    // `closed` follows.
  }

  failureSignal(connection: ServerConnection, what: string): void {
    const { source, generation } = connection;
    if (generation === source.generation) source.failureSignal(what);
  }

  startInternalQuery(): boolean {
    return false;
  }

  returned(): void {
    // It is in no pool.
  }

  parameterChanged(): void {
    // Not used here.
  }
}
