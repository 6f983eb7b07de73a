import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorText } from '../settings/error-text.ts';
import { ProxyError } from '../errors.ts';
import type { HttpPeer } from './http-connection.ts';
import type { HttpRequest } from './http-request.ts';
import type { Settings } from '../settings/index.ts';

/** The access of a request: `health` is /healthz and /readyz without reasons. */
export type Access = 'all' | 'read' | 'health';

/** The access rules of the admin port, from the settings. */
export class AdminAccess {
  readonly #tokens: readonly { readonly hash: Buffer; readonly access: Access }[];
  readonly #byCertificate: boolean;

  /** Reads the token files. Throws ADMIN_TOKEN if one cannot be read or is too short. */
  constructor(settings: Settings) {
    const all = settings.AdminToken ?? readToken(settings.AdminTokenFile);
    const read = settings.AdminReadOnlyToken ?? readToken(settings.AdminReadOnlyTokenFile);
    this.#tokens = [
      ...(all === undefined ? [] : [{ hash: sha256(all), access: 'all' as const }]),
      ...(read === undefined ? [] : [{ hash: sha256(read), access: 'read' as const }]),
    ];
    this.#byCertificate = settings.AdminTlsCaFile !== undefined;
  }

  /** Every request needs a token or a certificate, whatever its origin. */
  get isGuarded(): boolean {
    return this.#tokens.length > 0 || this.#byCertificate;
  }

  of({ headers }: HttpRequest, peer: HttpPeer): Access {
    if (this.#byCertificate && peer.isAuthorized) return 'all';
    const given = /^Bearer ([^\s]+)$/i.exec(headers.get('authorization') ?? '')?.[1];
    if (given !== undefined) {
      const hash = sha256(given);
      const known = this.#tokens.find((token) => timingSafeEqual(token.hash, hash));
      if (known !== undefined) return known.access;
    }
    return peer.isLocal && !this.isGuarded ? 'all' : 'health';
  }
}

/** Whether a connection from this address comes from this machine. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/i.test(address);
}

/** Whether an address, or the path of a Unix socket, is reachable only from this machine. */
export function isLocalHost(host: string): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function readToken(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new ProxyError('ADMIN_TOKEN', { file, why: errorText(error) }, error);
  }
  if (/^[\x21-\x7e]{16,}$/.test(text)) return text;
  throw new ProxyError('ADMIN_TOKEN', {
    file,
    why: 'it needs at least 16 visible ASCII characters',
  });
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
