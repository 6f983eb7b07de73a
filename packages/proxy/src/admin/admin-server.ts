import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import type { Registry } from 'prom-client';
import { tcpAddress } from '../io/tcp-address.ts';
import { listenOnFile } from '../io/unix-socket.ts';
import type { AdminAccess } from './admin-access.ts';
import { isOwnHost } from './host-check.ts';
import { workActions } from './planned-work.ts';
import type { PlannedWork } from './planned-work.ts';
import type { ProxyStatus } from './status.ts';
import { messageOf } from '../error-message.ts';

/** The data and actions of the admin port. */
export interface AdminSources {
  readonly metrics: Registry;
  /** Null if clients can be served, otherwise the reason. */
  notReady(): Promise<string | null>;
  /** The targets and their pools, as JSON. */
  targets(): unknown;
  status(): ProxyStatus;
  /** Accepted host names, in lower case, in addition to private ones. */
  hostNames(): readonly string[];
  /** The current access rules, from the settings. */
  access(): AdminAccess;
  /** Certificate and key, and the authorities for client certificates; null: plain HTTP. */
  readonly tls: {
    readonly cert: Buffer;
    readonly key: Buffer;
    readonly ca: Buffer | undefined;
  } | null;
  /** The target group, for planned work. */
  readonly group: PlannedWork;
}

/** How long connections can take to close when the proxy stops, in milliseconds. */
const closeTime = 500;

/**
 * The admin port: `/metrics` (Prometheus), `/healthz` (liveness), `/readyz` (clients can be served), `/status` and
 * `/targets`; POST `/pause`, `/resume` and `/drain` for planned work. It shows no secrets. It listens on loopback
 * unless AdminHost says otherwise, and requires a token or a certificate on any other address.
 */
export class AdminServer {
  readonly #sources: AdminSources;
  readonly #server: Server;
  #removeFile: () => void = () => undefined;

  constructor(sources: AdminSources) {
    this.#sources = sources;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch((error: unknown) => {
        respond(response, 500, 'text/plain', `${messageOf(error)}\n`);
      });
    };
    const { tls } = sources;
    this.#server =
      tls === null
        ? createServer(answer)
        : createTlsServer(
            {
              cert: tls.cert,
              key: tls.key,
              ...(tls.ca === undefined
                ? {}
                : { ca: tls.ca, requestCert: true, rejectUnauthorized: false }),
            },
            answer,
          );
  }

  /** Starts to listen; resolves to the address. Port 0 picks a free one; a host that is a path is a Unix socket. */
  async listen(host: string, port: number): Promise<Pick<AddressInfo, 'address' | 'port'>> {
    if (host.startsWith('/')) {
      // Only the owner can open the socket, unless the operator changes its mode.
      this.#removeFile = await listenOnFile(host, 0o600, (made) => this.#listenAt({ path: made }));
      return { address: host, port: 0 };
    }
    await this.#listenAt({ host, port });
    return tcpAddress(this.#server);
  }

  async #listenAt(options: ListenOptions): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(options, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#removeFile();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      // A connection that does not close must not block the stop.
      setTimeout(resolve, closeTime).unref();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host } = request.headers;
    if (host !== undefined && !isOwnHost(host, this.#sources.hostNames())) {
      const why = 'the Host header names a host that AdminHostNames does not allow';
      respond(response, 421, 'text/plain', `${why}\n`);
      return;
    }
    const address = request.url ?? '/';
    if (!URL.canParse(address, 'http://admin')) {
      respond(response, 400, 'text/plain', 'the path is invalid\n');
      return;
    }
    const url = new URL(address, 'http://admin');
    const path = url.pathname;
    const access = this.#sources.access().of(request);
    if (access === 'health' && path !== '/healthz' && path !== '/readyz') {
      response.setHeader('www-authenticate', 'Bearer');
      respond(response, 401, 'text/plain', 'a token is required: Authorization: Bearer TOKEN\n');
      return;
    }
    const action = workActions.get(path);
    const allowed = action === undefined ? ['GET', 'HEAD'] : ['POST'];
    if (!allowed.includes(request.method ?? '')) {
      response.setHeader('allow', allowed.join(', '));
      respond(response, 405, 'text/plain', `only ${allowed[0]} is allowed here\n`);
      return;
    }
    if (action !== undefined) {
      // A web page can send a POST without a preflight request, but not without an Origin header.
      if (request.headers.origin !== undefined) {
        respond(response, 403, 'text/plain', 'requests from web pages are not allowed\n');
        return;
      }
      if (access !== 'all') {
        respond(response, 403, 'text/plain', 'the token is read-only\n');
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
        respond(
          response,
          why === null ? 200 : 503,
          'text/plain',
          `${why === null ? 'ready' : access === 'health' ? 'not ready' : why}\n`,
        );
        break;
      }
      case '/targets':
        respondJson(response, this.#sources.targets());
        break;
      case '/status':
        respondJson(response, this.#sources.status());
        break;
      default:
        respond(
          response,
          404,
          'text/plain',
          'not found; GET /metrics, /healthz, /readyz, /status or /targets, or POST /pause, /resume or /drain\n',
        );
    }
  }
}

function respondJson(response: ServerResponse, body: unknown): void {
  respond(response, 200, 'application/json', `${JSON.stringify(body, null, 2)}\n`);
}

function respond(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
