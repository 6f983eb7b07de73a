import { ProxyError } from '../../src/errors.ts';
import { BackendCode, buildMessage, buildQuery } from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { Listener } from '../../src/listen-notify/listener.ts';
import { channelsSql } from '../../src/listen-notify/notification.ts';
import type { Channel } from '../../src/listen-notify/notification.ts';
import { SessionListening } from '../../src/listen-notify/session-listening.ts';
import type { ListeningOwner } from '../../src/listen-notify/session-listening.ts';
import type { PoolLimits } from '../../src/pool/pool-target.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { ScriptedServer } from '../scripted-server.ts';
import { PoolBench } from '../pool/pool-bench.ts';
import { ScriptedOwner } from '../session/scripted-owner.ts';

/** A process that does not belong to a client of the proxy. */
export const stranger = 99;

export function notification(processId: number, channel: string, payload: string): Buffer {
  const sender = Buffer.alloc(4);
  sender.writeInt32BE(processId);
  return buildMessage(
    BackendCode.NotificationResponse,
    sender,
    Buffer.from(`${channel}\0${payload}\0`, 'latin1'),
  );
}

/** A database whose connections support LISTEN, and the listening connection beside its pool. */
export class ListeningBench extends PoolBench {
  readonly listener = new Listener('shop');
  /** The channels of each connection. */
  readonly #channels = new Map<ScriptedServer, Set<string>>();

  constructor(limits: Partial<PoolLimits> = {}) {
    super(limits);
    this.source.onServer = (server) => this.#attach(server);
  }

  /** The channels of this server's connection; the proxy's own marker as `mark`. */
  channelsOf(server: ScriptedServer | undefined): string[] {
    const channels = server === undefined ? [] : [...(this.#channels.get(server) ?? [])];
    return channels.map((name) => (name === this.listener.markChannel ? 'mark' : name)).sort();
  }

  /** A process sends a notification. */
  notify(channel: string, payload: string, processId = stranger): void {
    for (const [server, channels] of this.#channels)
      if (channels.has(channel)) server.socket.feed(notification(processId, channel, payload));
  }

  /** The server closes the connection. */
  lose(server: ScriptedServer | undefined): void {
    if (server === undefined) return;
    this.#channels.delete(server);
    server.vanish();
  }

  /** A session of this pool, or of another one. */
  session(pool: Pool = this.pool): ListeningClient {
    return new ListeningClient(pool, this.listener);
  }

  /** A session with these channels and without a lease. */
  async listening(...channels: readonly string[]): Promise<ListeningClient> {
    const session = this.session();
    await this.lease(session);
    session.run(...channels.map((channel) => `LISTEN "${channel}"`));
    await this.turn();
    session.endLease();
    await this.turn();
    return session;
  }

  /** Gives the session a lease. */
  async lease(session: ListeningClient): Promise<void> {
    const client = this.client().borrow();
    if (client.connection === null) await this.turn();
    session.takes(client.leased);
  }

  #attach(server: ScriptedServer): void {
    const processId = this.source.servers.length;
    const channels = new Set<string>();
    this.#channels.set(server, channels);
    server.rowsOf = (text) => {
      if (text === channelsSql)
        return [...channels].map((channel) => [Buffer.from(channel, 'latin1').toString('hex')]);
      for (const statement of text.split(';')) {
        const [, word, channel = '', payload = ''] =
          /^(LISTEN|UNLISTEN|NOTIFY) (?:"(.*?)"|\*)(?:, '(.*)')?$/.exec(statement) ?? [];
        if (word === 'LISTEN') channels.add(channel);
        else if (word === 'NOTIFY') this.notify(channel, payload, processId);
        else if (word === 'UNLISTEN' && channel !== '') channels.delete(channel);
        else if (word === 'UNLISTEN') channels.clear();
      }
      return [];
    };
  }
}

/** The parts of a session that listening needs. */
export class ListeningClient extends ScriptedOwner implements ListeningOwner {
  readonly pool: Pool;
  readonly listening: SessionListening;
  takesNotifications = true;
  since = 0;
  unread = 0;
  mostUnread = 1024 * 1024;
  isPinned = false;
  resumed = 0;

  constructor(pool: Pool, listener: Listener) {
    super();
    this.pool = pool;
    this.listening = new SessionListening(this, listener);
    this.onNotified = (chunk, at, end) =>
      this.connection !== null && this.listening.notifiedOnLease(this.connection, chunk, at, end);
  }

  /** A lease starts on this connection. */
  takes(connection: ServerConnection): void {
    connection.lease.end();
    this.keepsLease = true;
    this.lease(connection);
    this.listening.begin(connection);
    connection.flushRequests();
  }

  /** The client runs statements that may change its channels. */
  run(...texts: readonly string[]): void {
    for (const text of texts) {
      this.listening.mayChange(this.connection?.inTransaction === true);
      this.send(buildQuery(text));
    }
  }

  endLease(): void {
    this.keepsLease = false;
    this.connection?.settle();
  }

  /** The code of the error that has ended it. */
  get endedBy(): string | null {
    return this.ended?.code ?? null;
  }

  /** Notifications to the client since the last call, in words. */
  takeReceived(): string[] {
    return this.replies().filter((reply) => reply.startsWith('A') || reply.startsWith('N'));
  }

  override tryRelease(): boolean {
    const { connection } = this;
    if (connection === null) return true;
    if (!this.listening.settle(connection, this.isPinned)) return false;
    return !this.keepsLease && !this.isPinned && this.listening.release(connection);
  }

  override leaseEnded(): void {
    super.leaseEnded();
    this.listening.leaseEnded();
  }

  get channels(): readonly Channel[] {
    return [...this.listening.channels].sort();
  }

  pinListening(): void {
    this.isPinned = true;
  }

  unpinListening(): void {
    this.isPinned = false;
  }

  unreadExceeded(): void {
    this.terminate(new ProxyError('NOTIFICATIONS_NOT_READ', { bytes: this.mostUnread }));
  }

  resumeRequests(): void {
    this.resumed++;
    this.connection?.lease.admitRequests();
  }
}
