import { isIP } from 'node:net';

/** Names under these are nobody's to register, so no web page has one (RFC 6761, RFC 6762; ICANN keeps `internal` free). */
const privateName = /(?:^|\.)(?:localhost|local|internal)$/;

/**
 * Whether a request may name this host. A web page can point a name of its own at an address where only its visitors get
 * (DNS rebinding), and then read what is answered there; it cannot have them name an address, or another's name.
 */
export function isOwnHost(host: string, ownNames: readonly string[]): boolean {
  const name = host
    .replace(/:\d{1,5}$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  return (
    isIP(name) !== 0 || !name.includes('.') || privateName.test(name) || ownNames.includes(name)
  );
}
