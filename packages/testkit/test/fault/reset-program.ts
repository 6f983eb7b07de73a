// Resets a connection that is being shut down. Then nothing keeps the process alive.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { reset } from '../../src/fault/reset.ts';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const accepted = once(server, 'connection') as Promise<[Socket]>;
const client = connect(port, '127.0.0.1');
const [other] = await accepted;
for (const socket of [client, other]) socket.on('error', () => undefined);
client.end();
reset(client);
other.destroy();
server.close();
