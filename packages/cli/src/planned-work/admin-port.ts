import { existsSync, readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { UsageError } from '../command.ts';
import { readSettings } from '../read-settings.ts';
import { findControl } from '../up/control.ts';

/** What the admin port of a proxy answers. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** Files of TLS, in PEM. */
interface TlsFiles {
  /** Of authorities that may have signed the admin port's certificate, beside those that everybody trusts. */
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** The admin port of a running proxy: its URL, or the path of its Unix socket. */
export class AdminPort {
  /** As the user is told of it. */
  readonly name: string;
  readonly #tls: TlsFiles;
  readonly #token: string | undefined;

  /** The token comes out of SLUICE_ADMIN_TOKEN, as from a secret store. */
  constructor(
    name: string,
    tls: TlsFiles = { ca: [] },
    token: string | undefined = process.env['SLUICE_ADMIN_TOKEN'],
  ) {
    this.name = name.replace(/\/$/, '');
    this.#tls = tls;
    this.#token = token;
  }

  /** Asks; rejects when no answer comes within `patience` milliseconds. */
  ask(pathname: string, method: 'GET' | 'POST', patience: number): Promise<AdminAnswer> {
    const isPath = this.name.startsWith('/');
    const url = new URL(pathname, isPath ? 'http://localhost' : this.name);
    const options = {
      method,
      headers: {
        connection: 'close',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      signal: AbortSignal.timeout(patience),
      ...(isPath ? { socketPath: this.name } : {}),
      ...(url.protocol === 'https:' ? this.#readTls() : {}),
    };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      const request = send(url, options, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end();
    });
  }

  #readTls(): { readonly ca?: string[]; readonly cert?: string; readonly key?: string } {
    const { ca, cert, key } = this.#tls;
    return {
      ...(ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca.map(readPem)] }),
      ...(cert === undefined ? {} : { cert: readPem(cert) }),
      ...(key === undefined ? {} : { key: readPem(key) }),
    };
  }
}

/** Where a proxy that nobody names has its settings. */
const defaultFile = 'sluice.yaml';

/**
 * The admin port of the proxy that a command is meant for: the one that is given, or that of a settings file, or that of
 * a `sluice up` that runs. Undefined when the settings file is wrong, which has been told then.
 */
export function adminPort(
  options: Readonly<Record<string, unknown>>,
  stderr: NodeJS.WritableStream,
): AdminPort | undefined {
  const { admin, config } = options;
  if (typeof admin === 'string') return new AdminPort(admin, tlsFiles(options));
  if (config === undefined) {
    const control = findControl();
    if (control !== undefined) return new AdminPort(control.admin);
    if (!existsSync(defaultFile)) {
      throw new UsageError(
        `no \`sluice up\` is running, and there is no ${defaultFile} in this directory; ` +
          'name the proxy with --admin or --config, or start one with: sluice up',
      );
    }
  }
  const settings = readSettings(typeof config === 'string' ? config : defaultFile, stderr);
  if (settings === undefined) return undefined;
  const { AdminHost, AdminPort: port, AdminTlsCertFile, AdminTlsCaFile } = settings;
  if (AdminHost.startsWith('/')) return new AdminPort(AdminHost);
  // What listens everywhere listens here, too.
  const host = AdminHost === '0.0.0.0' || AdminHost === '::' ? '127.0.0.1' : AdminHost;
  const scheme = AdminTlsCertFile === undefined ? 'http' : 'https';
  // A certificate that signs itself, or one of the authority that signs those of operators.
  const own = [AdminTlsCertFile, AdminTlsCaFile].filter((file) => file !== undefined);
  return new AdminPort(
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tlsFiles(options, own),
  );
}

/** The files that options name. */
export function tlsFiles(
  { adminCa, adminCert, adminKey }: Readonly<Record<string, unknown>>,
  known: readonly string[] = [],
): TlsFiles {
  return {
    ca: typeof adminCa === 'string' ? [adminCa] : known,
    ...(typeof adminCert === 'string' ? { cert: adminCert } : {}),
    ...(typeof adminKey === 'string' ? { key: adminKey } : {}),
  };
}

/** Why the admin port did not answer, in a word or two. */
export function reasonOf(error: unknown, patience: number): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (error.name === 'TimeoutError' || (cause instanceof Error && cause.name === 'TimeoutError'))
    return `no response within ${patience / 1000} seconds`;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
