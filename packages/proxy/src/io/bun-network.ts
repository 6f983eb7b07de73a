import { accept } from './accept.ts';
import { bun } from './bun-api.ts';
import type { BunError } from './bun-api.ts';
import { handlers } from './bun-handlers.ts';
import { BunTlsAcceptor } from './bun-tls-acceptor.ts';
import { BunTransport } from './bun-transport.ts';
import { keepAliveAfter } from './transport-options.ts';
import type {
  AcceptorOptions,
  Listener,
  ListenerHandler,
  Network,
  SocketAddress,
  TlsAcceptor,
  Transport,
  TransportHandler,
} from './transport.ts';

/** Bun's own sockets. A SELECT costs half as much as with `node:net` on Bun (docs/decisions/0014). */
export const bunNetwork: Network = {
  name: 'bun',

  async listen(socketAddress: SocketAddress, handler: ListenerHandler): Promise<Listener> {
    const isLocal = 'file' in socketAddress;
    try {
      const listener = bun().listen({
        ...bunAddress(socketAddress),
        allowHalfOpen: true,
        data: null,
        socket: {
          ...handlers,
          open(socket) {
            // Bun disables Nagle's algorithm by default.
            if (!isLocal) socket.setKeepAlive(true, keepAliveAfter);
            const transport = new BunTransport(socket);
            socket.data = transport;
            accept(transport, handler);
          },
        },
      });
      return {
        port: listener.port ?? 0,
        address: listener.hostname ?? '',
        close: () => listener.stop(),
      };
    } catch (error) {
      throw error instanceof Error ? described(error, 'listen', socketAddress) : error;
    }
  },

  connect(
    socketAddress: SocketAddress,
    handler: TransportHandler,
    connected: () => void,
  ): Transport {
    const transport = new BunTransport(null);
    transport.handler = handler;
    // Bun connects a Unix socket, or fails, before `connect` returns, when the caller has no transport yet.
    let isWithin = true;
    const afterwards = (work: () => void): void => {
      if (isWithin) queueMicrotask(work);
      else work();
    };
    const failed = (error: BunError): void =>
      afterwards(() => transport.notConnected(described(error, 'connect', socketAddress)));
    bun()
      .connect({
        ...bunAddress(socketAddress),
        allowHalfOpen: true,
        data: transport,
        socket: {
          ...handlers,
          open(socket) {
            transport.opened(socket);
            if (!('file' in socketAddress)) socket.setKeepAlive(true, 0);
            afterwards(() => {
              if (transport.isEnded) return;
              try {
                connected();
              } catch (error) {
                transport.broken(error);
              }
            });
          },
          connectError(_, error) {
            failed(error);
          },
        },
      })
      // `connectError` has reported it already, unless the options were invalid.
      .catch(failed);
    isWithin = false;
    return transport;
  },

  tlsAcceptor(options: AcceptorOptions): TlsAcceptor {
    return new BunTlsAcceptor(options);
  },
};

function bunAddress(
  socketAddress: SocketAddress,
): { hostname: string; port: number } | { unix: string } {
  return 'file' in socketAddress
    ? { unix: socketAddress.file }
    : { hostname: socketAddress.host, port: socketAddress.port };
}

/** The messages of libuv for errors whose cause Bun does not describe. */
const meanings: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EACCES: 'permission denied',
};

/** The error with the message and the properties that Node.js uses: "connect ECONNREFUSED 127.0.0.1:5432". */
function described(
  error: BunError,
  call: 'connect' | 'listen',
  socketAddress: SocketAddress,
): Error {
  const { code, message } = error;
  if (code === undefined || message.includes(code)) return error;
  const where =
    'file' in socketAddress ? socketAddress.file : `${socketAddress.host}:${socketAddress.port}`;
  const meaning = call === 'listen' && code in meanings ? `: ${meanings[code]}` : '';
  return Object.assign(new Error(`${call} ${code}${meaning} ${where}`), {
    code,
    syscall: call,
    ...('file' in socketAddress
      ? { address: socketAddress.file }
      : { address: socketAddress.host, port: socketAddress.port }),
  });
}
