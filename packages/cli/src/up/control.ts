import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';

/** How another command finds a running `sluice up`, and proves that it may use it. */
export interface Control {
  readonly pid: number;
  /** Takes POST with the token: `/failover/KIND`. */
  readonly url: string;
  readonly token: string;
  /** The proxy's admin port. */
  readonly admin: string;
  /** Whether the database has standbys and can fail over. */
  readonly canFailOver: boolean;
}

/** Where a running `sluice up` of this user says how it is reached. The last one started counts. */
function controlFile(): string {
  return path.join(tmpdir(), `sluice-up-${userInfo().username}.json`);
}

/** The `sluice up` that runs, or undefined. */
export function findControl(): Control | undefined {
  try {
    const control = JSON.parse(readFileSync(controlFile(), 'utf8')) as Control;
    process.kill(control.pid, 0);
    return control;
  } catch {
    return undefined;
  }
}

/** Takes orders from other commands on this machine; resolves to what stops that. */
export async function takeOrders(
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
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const control: Control = {
    pid: process.pid,
    url,
    token,
    admin,
    canFailOver: failOver !== undefined,
  };
  await rm(controlFile(), { force: true });
  // `wx`: never through a link that somebody else has put there.
  await writeFile(controlFile(), JSON.stringify(control), { mode: 0o600, flag: 'wx' });
  return async () => {
    if (findControl()?.pid === process.pid) await rm(controlFile(), { force: true });
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  };
}
