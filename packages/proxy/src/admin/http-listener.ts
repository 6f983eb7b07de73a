import { network } from '../io/network.ts';
import type { Listener, SocketAddress, TlsAcceptor, Transport } from '../io/transport.ts';
import { isLoopback } from './admin-access.ts';
import { HttpConnection } from './http-connection.ts';
import type { Answer } from './http-connection.ts';

/**
 * The maximum number of connections. They use the descriptors that the proxy keeps in reserve (see `Descriptors`), so
 * that the admin port answers when clients have used up the others.
 */
const mostConnections = 32;
/** The time for a request to arrive and to be answered, in milliseconds. */
const timeout = 10_000;

/** A connection that the listener has accepted. */
interface Accepted {
  readonly transport: Transport;
  readonly timer: NodeJS.Timeout;
  readonly isLocal: boolean;
  /** Null during a TLS handshake. */
  connection: HttpConnection | null;
}

/**
 * Accepts HTTP/1 connections, one request each: monitoring needs no more, and no program can mistake a part of one
 * request for another. A flood of connections does not keep others out: a new one replaces the oldest that has not sent
 * its request.
 */
export class HttpListener {
  readonly #answer: Answer;
  readonly #tls: TlsAcceptor | null;
  readonly #accepted = new Set<Accepted>();
  readonly #listeners: Listener[] = [];

  constructor(tls: TlsAcceptor | null, answer: Answer) {
    this.#tls = tls;
    this.#answer = answer;
  }

  async listen(address: SocketAddress): Promise<Listener> {
    const listener = await network.listen(address, {
      accepted: (transport) => this.#accept(transport, 'file' in address),
      // The runtime tries again.
      failed: () => undefined,
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** Stops listening, and closes all connections. */
  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const { transport } of this.#accepted) transport.destroy();
  }

  #accept(transport: Transport, isFile: boolean): void {
    if (this.#accepted.size >= mostConnections) this.#makeWay();
    const accepted: Accepted = {
      transport,
      timer: setTimeout(() => transport.destroy(), timeout),
      // Later, a connection that was reset would have no address.
      isLocal: isFile || isLoopback(transport.remoteAddress),
      connection: null,
    };
    accepted.timer.unref();
    this.#accepted.add(accepted);
    transport.whenClosed = () => {
      clearTimeout(accepted.timer);
      this.#accepted.delete(accepted);
    };
    if (this.#tls === null) this.#begin(accepted);
    else
      this.#tls.accept(transport, (error) => {
        if (error === null) this.#begin(accepted);
      });
  }

  #begin(accepted: Accepted): void {
    const { transport, isLocal } = accepted;
    const peer = { isLocal, isAuthorized: transport.tls?.isAuthorized === true };
    accepted.connection = new HttpConnection(transport, peer, this.#answer);
  }

  #makeWay(): void {
    const [eldest] = this.#accepted;
    let leaving = eldest;
    for (const accepted of this.#accepted) {
      if (accepted.connection !== null && !accepted.connection.isReading) continue;
      leaving = accepted;
      break;
    }
    if (leaving === undefined) return;
    // It is closed somewhat later.
    this.#accepted.delete(leaving);
    leaving.transport.destroy();
  }
}
