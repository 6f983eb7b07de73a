import { existsSync, readFileSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { messageOf } from '@sluice/proxy/error-message';
import { UsageError } from '../command.ts';
import { defaultFile } from '../default-file.ts';
import { readSettings } from '../read-settings.ts';
import { findControl } from '../up/control.ts';

/** A response of the admin port. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** The TLS files, in PEM. */
interface TlsFiles {
  /** Authorities that the command trusts in addition to the public ones. */
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** The admin port of a running proxy: its URL, or the path of its Unix socket. */
export class AdminPort {
  /** The name in messages. */
  readonly name: string;
  readonly #tls: TlsFiles;
  readonly #token: string | undefined;

  /** The token comes from SLUICE_ADMIN_TOKEN, so that it is not on the command line. */
  constructor(
    name: string,
    tls: TlsFiles = { ca: [] },
    token: string | undefined = process.env['SLUICE_ADMIN_TOKEN'],
  ) {
    this.name = name.replace(/\/$/, '');
    this.#tls = tls;
    this.#token = token;
  }

  /** Sends a request; rejects if there is no response within `patience` milliseconds. */
  request(pathname: string, method: 'GET' | 'POST', patience: number): Promise<AdminAnswer> {
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

/**
 * The admin port of the proxy that a command is for: the given one, that of a settings file, or that of a running
 * `sluice up`. Undefined if the settings file is invalid; the problems are written then.
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
  const file = typeof config === 'string' ? config : defaultFile;
  const settings = readSettings(file, stderr);
  if (settings === undefined) return undefined;
  const { AdminHost, AdminPort: port, AdminTlsCertFile, AdminTlsCaFile } = settings;
  if (AdminHost.startsWith('/')) return new AdminPort(AdminHost);
  if (port === 0) {
    throw new UsageError(
      `${file} has AdminPort 0, so the proxy chose a free port; the line "ready" of its log has it; pass it with --admin http://HOST:PORT`,
    );
  }
  // A wildcard address includes loopback.
  const host = AdminHost === '0.0.0.0' || AdminHost === '::' ? '127.0.0.1' : AdminHost;
  const scheme = AdminTlsCertFile === undefined ? 'http' : 'https';
  // The certificate may be self-signed, or signed by the authority for clients.
  const own = [AdminTlsCertFile, AdminTlsCaFile].filter((file) => file !== undefined);
  return new AdminPort(
    `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    tlsFiles(options, own),
  );
}

/** The TLS files in the options. */
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

/** Why the admin port did not respond, in a few words. */
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
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`);
  }
}
