/**
 * A program for the handshake, which the tests run on each runtime: it listens, logs clients in, answers every Query
 * with EmptyQueryResponse, and prints events as JSON lines on standard output. Its argument is JSON.
 */
import { writeSync } from 'node:fs';
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
import { network } from '../../src/io/network.ts';
import { ignoring, QuietHandler } from '../../src/io/quiet-handler.ts';
import type { Transport } from '../../src/io/transport.ts';
import { ClientHandshake } from '../../src/frontend/handshake.ts';
import { createSettings } from '../../src/settings/index.ts';

/** EmptyQueryResponse (B): Byte1('I') Int32(4). */
const emptyQueryResponse = Buffer.from('I\0\0\0\x04');

const settings = createSettings(JSON.parse(process.argv[2] ?? '{}'));
const credentials = await Credentials.load(settings);
const options = handshakeOptions(settings, () => credentials);

function report(event: Readonly<Record<string, unknown>>): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

/** A logged-in client. */
class Served extends QuietHandler {
  readonly #client: Transport;

  constructor(client: Transport) {
    super();
    this.#client = client;
  }

  override onData(chunk: Buffer): void {
    if (chunk[0] === FrontendCode.Query)
      this.#client.write(Buffer.concat([emptyQueryResponse, readyForQueryIdle]));
    else this.#client.end();
  }

  override onError({ message }: Error): void {
    report({ event: 'error', message });
  }

  override onClose(): void {
    report({ event: 'closed' });
  }
}

function accepted(socket: Transport): void {
  const handshake = new ClientHandshake(socket, false, options, {
    loggedIn: (login) => {
      const { socket: client, rest, finalMessage, ...details } = login;
      report({
        event: 'loggedIn',
        ...details,
        rest: rest?.toString('latin1') ?? null,
        // A handshake that is still the handler of the socket would stay in memory.
        isLeft: client.handler !== ignoring,
      });
      client.handler = new Served(client);
      const secret = Buffer.alloc(login.longCancelKey ? 32 : 4, 7);
      client.write(
        Buffer.concat([
          finalMessage ?? Buffer.alloc(0),
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
      report({ event: 'cancel', processId, secret: secret.toString('hex') }),
    failed: (error, detail) =>
      report({ event: 'failed', message: error?.message ?? null, why: detail?.why ?? null }),
  });
  if (process.argv[3] === 'abort') {
    const take = handshake.onData.bind(handshake);
    handshake.onData = (bytes) => {
      setImmediate(() => handshake.abort(new ProxyError('SHUTTING_DOWN')));
      take(bytes);
    };
  }
  socket.resume();
}

const { port } = await network.listen(
  { host: '127.0.0.1', port: 0 },
  { accepted, failed: ({ message }) => report({ event: 'acceptFailed', message }) },
);
report({ event: 'listening', port });
