import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { isBoolean, isNumber, isString, objectOf, parseJson } from '@sluice/proxy/json';

/** How another command reaches a running `sluice up`, and authenticates. */
export interface Control {
  readonly pid: number;
  /** Accepts POST `/failover/KIND` with the token. */
  readonly url: string;
  readonly token: string;
  /** The proxy's admin port. */
  readonly admin: string;
  /** Whether the database has standbys and can fail over. */
  readonly canFailOver: boolean;
}

const isControl = objectOf<Control>({
  pid: isNumber,
  url: isString,
  token: isString,
  admin: isString,
  canFailOver: isBoolean,
});

/** The file in which the last started `sluice up` of this user writes how to reach it. */
function controlFile(): string {
  return path.join(tmpdir(), `sluice-up-${userInfo().username}.json`);
}

/** The running `sluice up`, or undefined. */
export function findControl(): Control | undefined {
  try {
    const control = parseJson(readFileSync(controlFile(), 'utf8'), isControl);
    if (control !== undefined) process.kill(control.pid, 0);
    return control;
  } catch {
    return undefined;
  }
}

/** Accepts requests of other commands on this machine; resolves to a function that stops it. */
export async function acceptRequests(
  admin: string,
  failOver?: (kind: string) => Promise<unknown>,
): Promise<() => Promise<void>> {
  const token = randomBytes(24).toString('base64url');
  let busy = false;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const kind = /^\/failover\/(\w+)$/.exec(request.url ?? '')?.[1];
    if (request.method !== 'POST' || kind === undefined || failOver === undefined)
      response.writeHead(404).end();
    else if (request.headers.authorization !== `Bearer ${token}`) response.writeHead(401).end();
    else if (busy) response.writeHead(409).end('another failover is in progress\n');
    else {
      busy = true;
      try {
        response.end(JSON.stringify(await failOver(kind)));
      } finally {
        busy = false;
      }
    }
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(`${String(error)}\n`);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const url = `http://127.0.0.1:${address.port}`;
  const control: Control = {
    pid: process.pid,
    url,
    token,
    admin,
    canFailOver: failOver !== undefined,
  };
  await rm(controlFile(), { force: true });
  // `wx`: never follows a link that somebody else has created.
  await writeFile(controlFile(), JSON.stringify(control), { mode: 0o600, flag: 'wx' });
  return async () => {
    if (findControl()?.pid === process.pid) await rm(controlFile(), { force: true });
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
}
