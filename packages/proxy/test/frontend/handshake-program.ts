/**
 * A program of the handshake alone, for the tests to run under each runtime: listens, logs clients in, answers every
 * Query with EmptyQueryResponse, and tells what happened as JSON lines on standard output. Its input is one JSON argument.
 */
import { writeSync } from 'node:fs';
import { createServer } from 'node:net';
import {
  FrontendCode,
  authenticationOk,
  buildBackendKeyData,
  buildParameterStatus,
  readyForQueryIdle,
} from '@sluice/wire';
import { Credentials } from '../../src/credentials/credentials.ts';
import { ProxyError } from '../../src/errors.ts';
import { handshakeOptions } from '../../src/frontend/handshake-options.ts';
import { ClientHandshake } from '../../src/frontend/handshake.ts';
import { createSettings } from '../../src/settings/index.ts';

/** EmptyQueryResponse (B): Byte1('I') Int32(4). */
const emptyQueryResponse = Buffer.from('I\0\0\0\x04');

const settings = createSettings(JSON.parse(process.argv[2] ?? '{}'));
const credentials = await Credentials.load(settings);
const options = handshakeOptions(settings, () => credentials);

function tell(event: Readonly<Record<string, unknown>>): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

const server = createServer((socket) => {
  const handshake = new ClientHandshake(socket, false, options, {
    loggedIn: (login) => {
      const { socket: client, rest, lastWords, ...told } = login;
      tell({
        event: 'loggedIn',
        ...told,
        rest: rest?.toString('latin1') ?? null,
        // A listener left on the socket would keep the handshake in memory.
        listeners: client.listenerCount('data'),
      });
      client.on('error', (error) => tell({ event: 'error', message: error.message }));
      client.on('close', () => tell({ event: 'closed' }));
      client.on('data', (chunk: Buffer) => {
        if (chunk[0] === FrontendCode.Query)
          client.write(Buffer.concat([emptyQueryResponse, readyForQueryIdle]));
        else client.end();
      });
      const secret = Buffer.alloc(login.longCancelKey ? 32 : 4, 7);
      client.write(
        Buffer.concat([
          lastWords ?? Buffer.alloc(0),
          authenticationOk,
          buildParameterStatus('server_version', '18.0'),
          buildParameterStatus('client_encoding', 'UTF8'),
          buildBackendKeyData(4711, secret),
          readyForQueryIdle,
        ]),
      );
      client.resume();
    },
    cancel: (processId, secret) =>
      tell({ event: 'cancel', processId, secret: secret.toString('hex') }),
    failed: (error, detail) =>
      tell({ event: 'failed', message: error?.message ?? null, why: detail?.why ?? null }),
  });
  if (process.argv[3] === 'abort') {
    socket.once('data', () => {
      setImmediate(() => handshake.abort(new ProxyError('SHUTTING_DOWN')));
    });
  }
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  tell({ event: 'listening', port: typeof address === 'object' ? address?.port : undefined });
});
