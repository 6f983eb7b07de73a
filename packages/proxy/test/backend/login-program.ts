/**
 * A program of the login at the database alone, for the tests to run under each runtime: opens one connection after
 * the other as JSON on its standard input says, tries each with a statement, and tells what came of it as JSON lines.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { buildQuery, terminateMessage } from '@sluice/wire';
import { openServerConnection, sendCancelRequest } from '../../src/backend/connect.ts';
import type { ConnectOptions } from '../../src/backend/connect.ts';
import type { LoginResult } from '../../src/backend/login-result.ts';
import type { ConnectFailure } from '../../src/backend/connection-source.ts';

/** One connection to open, and what to do with it. */
export interface LoginCase extends ConnectOptions {
  /** Cancels the statement as soon as it says anything. */
  readonly cancel?: boolean;
  readonly sql: string;
}

/** What came of it. */
export interface LoginOutcome {
  readonly failure: ConnectFailure | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly processId: number;
  readonly secretBytes: number;
  readonly tls: boolean;
  /** A listener left on the socket would keep the login in memory. */
  readonly listeners: number;
  /** What the database sent in answer to the statement. */
  readonly answer: string;
  readonly canceled: boolean;
}

const nothing: LoginOutcome = {
  failure: null,
  parameters: {},
  processId: 0,
  secretBytes: 0,
  tls: false,
  listeners: 0,
  answer: '',
  canceled: false,
};

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
  const listeners = socket.listenerCount('data');
  let answer = '';
  const closed = new Promise<void>((resolve) => {
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.resume();
  if (sql !== '') socket.write(buildQuery(sql));
  if (cancel === true) await once(socket, 'data');
  const canceled =
    cancel === true &&
    (await new Promise<boolean>((resolve) => {
      sendCancelRequest(address, processId, secretKey, 5000, resolve);
    }));
  if (sql !== '') socket.write(terminateMessage);
  await closed;
  const parameters = Object.fromEntries(login.parameters);
  const secretBytes = secretKey.length;
  return {
    ...nothing,
    parameters,
    processId,
    secretBytes,
    tls: login.tls,
    listeners,
    answer,
    canceled,
  };
}
