import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** What the admin port is asked for. */
export interface AdminSources {
  readonly metrics: Registry;
  /** Null when clients can be served, else why not. */
  notReady(): Promise<string | null>;
  /** The targets and their pools, as JSON. */
  targets(): unknown;
}

/**
 * The admin port: `/metrics` (Prometheus), `/healthz` (the process lives), `/readyz` (clients can be served) and
 * `/targets`. It shows no secret and changes nothing; it is bound to loopback unless AdminHost says otherwise.
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
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      respond(response, 405, 'text/plain', 'only GET is answered here\n');
      return;
    }
    const path = new URL(request.url ?? '/', 'http://admin').pathname;
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
        respond(response, 404, 'text/plain', 'here are /metrics, /healthz, /readyz and /targets\n');
    }
  }
}

function respond(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
