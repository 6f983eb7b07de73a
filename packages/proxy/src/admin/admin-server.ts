import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { workActions } from './planned-work.ts';
import type { PlannedWork } from './planned-work.ts';

/** What the admin port is asked for. */
export interface AdminSources {
  readonly metrics: Registry;
  /** Null when clients can be served, else why not. */
  notReady(): Promise<string | null>;
  /** The targets and their pools, as JSON. */
  targets(): unknown;
  /** Whom planned work is told to. */
  readonly group: PlannedWork;
}

/**
 * The admin port: `/metrics` (Prometheus), `/healthz` (the process lives), `/readyz` (clients can be served) and
 * `/targets`; POST `/pause`, `/resume` and `/drain` for planned work. It shows no secret and has no authentication; it
 * is bound to loopback unless AdminHost says otherwise.
 */
export class AdminServer {
  readonly #sources: AdminSources;
  readonly #server: Server;

  constructor(sources: AdminSources) {
    this.#sources = sources;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        respond(
          response,
          500,
          'text/plain',
          `${error instanceof Error ? error.message : String(error)}\n`,
        );
      });
    });
  }

  /** Starts to listen; resolves to the address. Port 0 takes a free one. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    return this.#server.address() as AddressInfo;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://admin');
    const path = url.pathname;
    const action = workActions.get(path);
    const allowed = action === undefined ? ['GET', 'HEAD'] : ['POST'];
    if (!allowed.includes(request.method ?? '')) {
      response.setHeader('allow', allowed.join(', '));
      respond(response, 405, 'text/plain', `only ${allowed[0]} is answered here\n`);
      return;
    }
    if (action !== undefined) {
      // A page in a browser can send a POST without asking, but not without naming its origin.
      if (request.headers.origin !== undefined) {
        respond(response, 403, 'text/plain', 'not from a web page\n');
        return;
      }
      const { status, body } = action(this.#sources.group, url.searchParams.get('target'));
      respond(response, status, 'application/json', `${JSON.stringify(body)}\n`);
      return;
    }
    switch (path) {
      case '/metrics': {
        const { metrics } = this.#sources;
        respond(response, 200, metrics.contentType, await metrics.metrics());
        break;
      }
      case '/healthz':
        respond(response, 200, 'text/plain', 'ok\n');
        break;
      case '/readyz': {
        const why = await this.#sources.notReady();
        respond(response, why === null ? 200 : 503, 'text/plain', `${why ?? 'ready'}\n`);
        break;
      }
      case '/targets':
        respond(
          response,
          200,
          'application/json',
          `${JSON.stringify(this.#sources.targets(), null, 2)}\n`,
        );
        break;
      default:
        respond(
          response,
          404,
          'text/plain',
          'here are /metrics, /healthz, /readyz and /targets, and for POST /pause, /resume and /drain\n',
        );
    }
  }
}

function respond(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
