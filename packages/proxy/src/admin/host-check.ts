import { isIP } from 'node:net';

/**
 * Nobody can register names under these domains, so no web page has one (RFC 6761, RFC 6762; ICANN reserves
 * `internal`).
 */
const privateName = /(?:^|\.)(?:localhost|local|internal)$/;

/**
 * Whether a request can have this host. A web page can point its own name at an address that only its visitors reach
 * (DNS rebinding), and then read the responses; it cannot use an IP address or another name for that.
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
