import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { reset } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { message, cstring } from '../../helpers/messages.ts';
import type { Case } from './case.ts';

/** A connection to the real database: its greeting, and its current client. */
interface Backend {
  readonly socket: Socket;
  greeting: Buffer;
  onData: (chunk: Buffer) => unknown;
  onClose: () => void;
}

const forget = Buffer.concat([
  message('Q', cstring('ROLLBACK')),
  message('Q', cstring('DISCARD ALL')),
]);
const forgotten = Buffer.concat([message('C', cstring('DISCARD ALL'))]);

/** How long a connection stays open after a lie that waits for the proxy to end it, in milliseconds. */
const lingerMs = 60;

const noop = (): void => undefined;

/**
 * A real database behind a liar. It answers statements that contain `hostile NUMBER` with the case of that number, and
 * logins and health checks with the next waiting case. A connection on which it has lied belongs to the liar; the
 * connection to the database behind it serves the next login with the same parameters, because a new one would take
 * longer than the lie.
 */
export class Liar {
  /** The real database at the liar's address. */
  readonly database: Postgres;
  /** The lies for statements, by the number in the statement. */
  readonly statements = new Map<number, Case>();
  /** The lies for the next login or health check, and the function to call then. */
  readonly logins: { readonly lie: Case; readonly delivered: () => void }[] = [];
  readonly checks: { readonly lie: Case; readonly delivered: () => void }[] = [];
  /** The number of lies. */
  liesSent = 0;
  readonly #real: Postgres;
  readonly #user: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #spares = new Map<string, Backend[]>();

  private constructor(real: Postgres, user: string, server: Server) {
    this.#real = real;
    this.#user = user;
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.database = new Proxy(real, {
      get: (target, name) =>
        name === 'port' ? port : (Reflect.get(target, name, target) as unknown),
    });
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Starts one that lies in the logins and statements of this user. */
  static async start(real: Postgres, user: string): Promise<Liar> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Liar(real, user, server);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #own(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', noop);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }

  #accept(proxy: Socket): void {
    this.#own(proxy);
    proxy.once('data', (packet: Buffer) => {
      const code = packet.length >= 8 ? packet.readInt32BE(4) : 0;
      if (code !== 0x0003_0000 && code !== 0x0003_0002) return this.#join(proxy, packet, null);
      const parameters = packet.toString('latin1', 8).split('\0');
      const isHis = parameters[parameters.indexOf('user') + 1] === this.#user;
      const login = isHis ? this.logins.shift() : undefined;
      if (login !== undefined) {
        this.#lie(proxy, login.lie);
        login.delivered();
        return;
      }
      const key = isHis ? packet.toString('latin1') : null;
      const spare = key === null ? undefined : this.#spares.get(key)?.pop();
      if (spare === undefined) return this.#join(proxy, packet, key);
      proxy.write(spare.greeting);
      this.#relay(proxy, spare, key);
    });
  }

  /** Opens a connection to the database, and stores its greeting. */
  #join(proxy: Socket, packet: Buffer, key: string | null): void {
    const { port, host } = this.#real;
    const socket = this.#own(connect({ port, host, noDelay: true }));
    const backend: Backend = {
      socket,
      greeting: Buffer.alloc(0),
      onData: noop,
      onClose: noop,
    };
    socket.on('data', (chunk: Buffer) => backend.onData(chunk));
    socket.on('close', () => backend.onClose());
    socket.write(packet);
    this.#relay(proxy, backend, key);
    if (key === null) return;
    let answer = Buffer.alloc(0);
    backend.onData = (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      const greeting = greetingIn(answer);
      if (greeting !== null) {
        backend.greeting = greeting;
        backend.onData = (more) => proxy.write(more);
      }
      proxy.write(chunk);
    };
  }

  #relay(proxy: Socket, backend: Backend, key: string | null): void {
    const { socket } = backend;
    backend.onData = (chunk) => proxy.write(chunk);
    backend.onClose = () => proxy.destroy();
    const leave = (): void => {
      socket.destroy();
    };
    let isUsed = false;
    const asks = (chunk: Buffer): void => {
      const lie = this.#lieFor(chunk, key !== null);
      if (lie === null) {
        isUsed = true;
        socket.write(chunk);
        return;
      }
      proxy.off('data', asks);
      proxy.off('close', leave);
      if (key === null) socket.destroy();
      else if (isUsed) this.#recycle(backend, key);
      else this.#keep(backend, key);
      this.#lie(proxy, lie);
    };
    proxy.on('data', asks);
    proxy.on('close', leave);
  }

  #lieFor(asked: Buffer, isHis: boolean): Case | null {
    if (!isHis) {
      if (this.checks.length === 0 || !asked.includes('pg_is_in_recovery')) return null;
      const check = this.checks.shift();
      check?.delivered();
      return check?.lie ?? null;
    }
    const at = asked.indexOf('hostile ');
    if (at < 0) return null;
    const number = Number.parseInt(asked.toString('latin1', at + 8, at + 20), 10);
    const lie = this.statements.get(number) ?? null;
    this.statements.delete(number);
    return lie;
  }

  /** Sends the parts, each in a separate write, and ends as the case says. */
  #lie(proxy: Socket, lie: Case): void {
    this.liesSent += 1;
    proxy.on('data', noop);
    const next = (index: number): void => {
      const part = lie.parts[index];
      if (proxy.destroyed) return;
      if (part !== undefined) {
        proxy.write(part, () => setImmediate(next, index + 1));
        return;
      }
      if (lie.ending === 'close') proxy.end();
      else if (lie.ending === 'reset') reset(proxy);
      const timer = setTimeout(() => proxy.destroy(), lingerMs);
      proxy.once('close', () => clearTimeout(timer));
    };
    next(0);
  }

  /** Resets a connection for its next use. */
  #recycle(backend: Backend, key: string): void {
    let answer = Buffer.alloc(0);
    backend.onData = (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      const at = answer.indexOf(forgotten);
      if (at < 0 || answer.length < at + forgotten.length + 6) return;
      this.#keep(backend, key);
    };
    backend.onClose = noop;
    backend.socket.write(forget);
  }

  /** Keeps a connection for its next use. */
  #keep(backend: Backend, key: string): void {
    const spares = this.#spares.get(key) ?? [];
    this.#spares.set(key, spares);
    spares.push(backend);
    backend.onData = noop;
    backend.onClose = () => {
      this.#spares.set(
        key,
        (this.#spares.get(key) ?? []).filter((spare) => spare !== backend),
      );
    };
  }
}

/** AuthenticationOk to ReadyForQuery, once they are complete; null before. */
function greetingIn(answer: Buffer): Buffer | null {
  let start = -1;
  for (let at = 0; at + 5 <= answer.length;) {
    const next = at + 1 + answer.readInt32BE(at + 1);
    if (next > answer.length) return null;
    if (answer[at] === 0x52 && answer.readInt32BE(at + 5) === 0) start = at;
    if (answer[at] === 0x5a && start >= 0) return Buffer.from(answer.subarray(start, next));
    at = next;
  }
  return null;
}
