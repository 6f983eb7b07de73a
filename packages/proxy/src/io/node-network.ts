import { connect, createServer } from 'node:net';
import { accept } from './accept.ts';
import { NodeTlsAcceptor } from './node-tls-acceptor.ts';
import { NodeTransport } from './node-transport.ts';
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
import { backlog, keepAliveAfter } from './transport-options.ts';

/** The sockets of `node:net`, on Node.js and on Bun. */
export const nodeNetwork: Network = {
  name: 'node',

  async listen(socketAddress: SocketAddress, handler: ListenerHandler): Promise<Listener> {
    const server = createServer({
      ...('file' in socketAddress
        ? {}
        : { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfter }),
      pauseOnConnect: true,
    });
    server.on('connection', (socket) => accept(new NodeTransport(socket), handler));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(
        { ...('file' in socketAddress ? { path: socketAddress.file } : socketAddress), backlog },
        () => {
          server.off('error', reject);
          resolve();
        },
      );
    });
    // A failed accept (the system has no file descriptors left) must not end the process.
    server.on('error', (error) => handler.failed(error));
    const address = server.address();
    const { port, address: host } =
      address === null || typeof address === 'string' ? { port: 0, address: '' } : address;
    return { port, address: host, close: () => void server.close() };
  },

  connect(
    socketAddress: SocketAddress,
    handler: TransportHandler,
    connected: () => void,
  ): Transport {
    const socket =
      'file' in socketAddress
        ? connect({ path: socketAddress.file })
        : connect({ ...socketAddress, noDelay: true, keepAlive: true });
    const transport = new NodeTransport(socket);
    transport.handler = handler;
    socket.once('connect', () => {
      try {
        connected();
      } catch (error) {
        transport.handler.broken(error);
      }
    });
    return transport;
  },

  tlsAcceptor(options: AcceptorOptions): TlsAcceptor {
    return new NodeTlsAcceptor(options);
  },
};
