import type { Registry } from 'prom-client';
import { network } from '../io/network.ts';
import type { Listener } from '../io/transport.ts';
import { listenOnFile } from '../io/unix-socket.ts';
import type { AdminAccess } from './admin-access.ts';
import { isOwnHost } from './host-check.ts';
import type { HttpPeer } from './http-connection.ts';
import { HttpListener } from './http-listener.ts';
import type { HttpRequest } from './http-request.ts';
import { textResponse } from './http-response.ts';
import type { HttpResponse } from './http-response.ts';
import { workActions } from './planned-work.ts';
import type { PlannedWork } from './planned-work.ts';
import type { ProxyStatus } from './status.ts';

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
    readonly cert: string;
    readonly key: string;
    readonly ca: string | undefined;
  } | null;
  /** The target group, for planned work. */
  readonly group: PlannedWork;
}

/**
 * The admin port: `/metrics` (Prometheus), `/healthz` (liveness), `/readyz` (clients can be served), `/status` and
 * `/targets`; POST `/pause`, `/resume` and `/drain` for planned work. It shows no secrets. It listens on loopback
 * unless AdminHost says otherwise, and requires a token or a certificate on any other address.
 */
export class AdminServer {
  readonly #sources: AdminSources;
  readonly #listener: HttpListener;
  #removeFile: () => void = () => undefined;

  constructor(sources: AdminSources) {
    this.#sources = sources;
    const { tls } = sources;
    const acceptor =
      tls === null
        ? null
        : network.tlsAcceptor({
            certificates: [{ cert: tls.cert, key: tls.key }],
            choose: () => 0,
            ca: tls.ca,
            crl: undefined,
            protocol: {},
            alpn: 'http/1.1',
            requestsCertificate: tls.ca !== undefined,
          });
    this.#listener = new HttpListener(acceptor, (request, peer) => this.#answer(request, peer));
  }

  /** Starts to listen; resolves to the address. Port 0 picks a free one; a host that is a path is a Unix socket. */
  async listen(host: string, port: number): Promise<Pick<Listener, 'address' | 'port'>> {
    if (!host.startsWith('/')) return this.#listener.listen({ host, port });
    // Only the owner can open the socket, unless the operator changes its mode.
    this.#removeFile = await listenOnFile(host, 0o600, (made) =>
      this.#listener.listen({ file: made }),
    );
    return { address: host, port: 0 };
  }

  close(): void {
    this.#removeFile();
    this.#listener.close();
  }

  async #answer(request: HttpRequest, peer: HttpPeer): Promise<HttpResponse> {
    const { headers, method, target: address } = request;
    const host = headers.get('host');
    if (host !== undefined && !isOwnHost(host, this.#sources.hostNames()))
      return textResponse(421, 'the Host header names a host that AdminHostNames does not allow');
    if (!URL.canParse(address, 'http://admin')) return textResponse(400, 'the path is invalid');
    const url = new URL(address, 'http://admin');
    const path = url.pathname;
    const access = this.#sources.access().of(request, peer);
    if (access === 'health' && path !== '/healthz' && path !== '/readyz')
      return textResponse(401, 'a token is required: Authorization: Bearer TOKEN', {
        'www-authenticate': 'Bearer',
      });
    const action = workActions.get(path);
    const allowed = action === undefined ? ['GET', 'HEAD'] : ['POST'];
    if (!allowed.includes(method))
      return textResponse(405, `only ${allowed[0]} is allowed here`, { allow: allowed.join(', ') });
    if (action !== undefined) {
      // A web page can send a POST without a preflight request, but not without an Origin header.
      if (headers.has('origin'))
        return textResponse(403, 'requests from web pages are not allowed');
      if (access !== 'all') return textResponse(403, 'the token is read-only');
      const { status, body } = action(this.#sources.group, url.searchParams.get('target'));
      return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
    }
    switch (path) {
      case '/metrics': {
        const { metrics } = this.#sources;
        return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
      }
      case '/healthz':
        return textResponse(200, 'ok');
      case '/readyz': {
        const why = await this.#sources.notReady();
        if (why === null) return textResponse(200, 'ready');
        return textResponse(503, access === 'health' ? 'not ready' : why);
      }
      case '/targets':
        return jsonResponse(this.#sources.targets());
      case '/status':
        return jsonResponse(this.#sources.status());
      default:
        return textResponse(
          404,
          'not found; GET /metrics, /healthz, /readyz, /status or /targets, or POST /pause, /resume or /drain',
        );
    }
  }
}

function jsonResponse(body: unknown): HttpResponse {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(body, null, 2)}\n` };
}
