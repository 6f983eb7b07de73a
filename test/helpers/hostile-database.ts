import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { reset } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';

/** Returns what the daemon gets instead of the database's response; null forwards its request to the database. */
export type Lie = (asked: Buffer) => Buffer | null;

/** A database with responses that a test chooses: a real one behind a proxy that can lie. */
export class HostileDatabase {
  /** The real database, at the liar's address. */
  readonly database: Postgres;
  /** Called with each chunk from the daemon. */
  lie: Lie = () => null;
  /** Drops everything, without closing connections. */
  blackhole = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(real: Postgres, server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.database = new Proxy(real, {
      get: (target, name) =>
        name === 'port' ? port : (Reflect.get(target, name, target) as unknown),
    });
    server.on('connection', (socket) => this.#relay(socket, connect(real.port, real.host)));
  }

  static async start(real: Postgres): Promise<HostileDatabase> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HostileDatabase(real, server);
  }

  /** The number of the daemon's open connections. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  #relay(daemon: Socket, database: Socket): void {
    for (const [socket, other] of [
      [daemon, database],
      [database, daemon],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    daemon.on('data', (asked: Buffer) => {
      if (this.blackhole) return;
      const lie = this.lie(asked);
      if (lie === null) database.write(asked);
      // Otherwise the daemon might wait for responses that nobody sends.
      else daemon.end(lie);
    });
    database.on('data', (answer: Buffer) => {
      if (!this.blackhole) daemon.write(answer);
    });
  }

  /** Ends every connection with a reset. */
  reset(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
