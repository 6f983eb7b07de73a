/**
 * A program for the login at the database, which the tests run on each runtime. It opens the connections that its
 * standard input describes as JSON, one after another, tries each with a statement, and prints the results as JSON
 * lines.
 */
import { readFileSync } from 'node:fs';
import { buildQuery, terminateMessage } from '@sluice/wire';
import { openServerConnection, sendCancelRequest } from '../../src/backend/connect.ts';
import type { ConnectOptions } from '../../src/backend/connect.ts';
import { ignoring, QuietHandler } from '../../src/io/quiet-handler.ts';
import type { LoginResult } from '../../src/backend/login-result.ts';
import type { ConnectFailure } from '../../src/backend/connection-source.ts';

/** One connection to open, and how to use it. */
export interface LoginCase extends ConnectOptions {
  /** Cancels the statement at its first message. */
  readonly cancel?: boolean;
  readonly sql: string;
}

/** The result. */
export interface LoginOutcome {
  readonly failure: ConnectFailure | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly processId: number;
  readonly secretBytes: number;
  readonly tls: boolean;
  /** A login that is still the handler of the socket would stay in memory. */
  readonly isLeft: boolean;
  /** The database's reply to the statement. */
  readonly answer: string;
  readonly canceled: boolean;
}

const nothing: LoginOutcome = {
  failure: null,
  parameters: {},
  processId: 0,
  secretBytes: 0,
  tls: false,
  isLeft: false,
  answer: '',
  canceled: false,
};

/** The database's messages after the login. */
class Conversation extends QuietHandler {
  readonly begun = Promise.withResolvers<void>();
  readonly closed = Promise.withResolvers<void>();
  answer = '';

  override onData(bytes: Buffer): void {
    this.answer += bytes.toString('latin1');
    this.begun.resolve();
  }

  override onClose(): void {
    this.closed.resolve();
  }
}

const cases: readonly LoginCase[] = JSON.parse(readFileSync(0, 'utf8'));

for (const each of cases) console.log(JSON.stringify(await open(each)));

function open(options: LoginCase): Promise<LoginOutcome> {
  return new Promise((resolve) => {
    openServerConnection(options, (failure, login) => {
      if (login === null) resolve({ ...nothing, failure });
      else void run(options, login).then(resolve);
    });
  });
}

async function run({ address, cancel, sql }: LoginCase, login: LoginResult): Promise<LoginOutcome> {
  const { socket, processId, secretKey } = login;
  const isLeft = socket.handler !== ignoring;
  const conversation = new Conversation();
  socket.handler = conversation;
  socket.resume();
  if (sql !== '') socket.write(buildQuery(sql));
  if (cancel === true) await conversation.begun.promise;
  const canceled =
    cancel === true &&
    (await new Promise<boolean>((resolve) => {
      sendCancelRequest(address, processId, secretKey, 5000, resolve);
    }));
  if (sql !== '') socket.write(terminateMessage);
  await conversation.closed.promise;
  const parameters = Object.fromEntries(login.parameters);
  const secretBytes = secretKey.length;
  return {
    ...nothing,
    parameters,
    processId,
    secretBytes,
    tls: login.tls,
    isLeft,
    answer: conversation.answer,
    canceled,
  };
}
