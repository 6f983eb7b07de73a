import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { reset } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';

/** What is sent to the daemon in the place of what it asked of the database; null: the database is asked. */
export type Lie = (asked: Buffer) => Buffer | null;

/** A database that says what a test has it say: a real one, with a liar in front of it. */
export class HostileDatabase {
  /** The real one, at the liar's address. */
  readonly database: Postgres;
  /** Asked with each piece that comes from the daemon. */
  lie: Lie = () => null;
  /** Nothing goes through any more, and nobody is told. */
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

  /** Connections that the daemon has open. */
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
      // Else the daemon might wait for answers that nobody has to give.
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
