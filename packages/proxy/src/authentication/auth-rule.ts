import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Settings } from '../settings/index.ts';
import { nameOrPattern } from './name-map.ts';

type ClientAuth = Settings['ClientAuth'][number];

/** The authentication method of a client. */
export type AuthMethod = ClientAuth['Method'];

/** The properties of a client that a rule matches. */
export interface AuthRequest {
  /** The client's address; undefined if it has disconnected, or uses a Unix socket. */
  readonly address: string | undefined;
  /** The client uses a Unix socket. */
  readonly isLocal: boolean;
  readonly isTls: boolean;
  readonly user: string;
  readonly database: string;
  /** As in the startup packet; null for a client without replication. */
  readonly replication: string | null;
}

/** The requirements of a rule in addition to its method. */
export type AuthOptions = Pick<
  ClientAuth,
  'ClientCert' | 'Map' | 'Issuer' | 'Audience' | 'Scope' | 'UserClaim' | 'KeySetUrl'
>;

/** An authentication rule. */
export interface AuthRule {
  /** Its position: `ClientAuth[0]`, or a file and a line. */
  readonly where: string;
  readonly method: AuthMethod;
  readonly options: AuthOptions;
  /** Why matching clients are refused: the proxy does not support the rule. */
  readonly unsupported: string | null;
  fits(request: AuthRequest): boolean;
}

/** A word for a user or database; a quoted one is never a keyword. */
export interface NameWord {
  readonly text: string;
  readonly isQuoted: boolean;
}

type Test = (request: AuthRequest) => boolean;

const always: Test = () => true;

/** How a client connects: on a Unix socket, with or without TLS. Null if there is no such type. */
export function typeTest(type: string): Test | null {
  switch (type) {
    case 'local':
      return ({ isLocal }) => isLocal;
    // The proxy does not support GSSAPI encryption.
    case 'host':
    case 'hostnogssenc':
      return ({ isLocal }) => !isLocal;
    case 'hostssl':
      return ({ isTls }) => isTls;
    case 'hostnossl':
      return ({ isLocal, isTls }) => !isLocal && !isTls;
    case 'hostgssenc':
      return () => false;
    default:
      return null;
  }
}

/** The databases. Throws an Error if they are not supported. */
export function databaseTest(words: readonly NameWord[]): Test {
  const tests = words.map(({ text, isQuoted }): Test => {
    if (!isQuoted) {
      // As in PostgreSQL, physical replication has no database, so only its own keyword matches it.
      if (text === 'all') return (request) => !isPhysical(request);
      if (text === 'replication') return isPhysical;
      if (text === 'sameuser')
        return (request) => !isPhysical(request) && request.database === request.user;
      if (text === 'samerole' || text === 'samegroup' || text.startsWith('@'))
        throw new Error(`the database ${text} is not supported`);
    }
    const name = nameOrPattern(text);
    return (request) =>
      !isPhysical(request) &&
      (typeof name === 'string' ? name === request.database : name.test(request.database));
  });
  return any(tests);
}

/** The users. Throws an Error if they are not supported. */
export function userTest(words: readonly NameWord[]): Test {
  const tests = words.map(({ text, isQuoted }): Test => {
    if (!isQuoted) {
      if (text === 'all') return always;
      if (text.startsWith('+') || text.startsWith('@'))
        throw new Error(`the user ${text} is not supported`);
    }
    const name = nameOrPattern(text);
    return ({ user }) => (typeof name === 'string' ? name === user : name.test(user));
  });
  return any(tests);
}

/** The addresses, each with a prefix or a mask. Throws an Error if they are invalid or not supported. */
export function addressTest(addresses: readonly string[], mask?: string): Test {
  if (addresses.includes('all')) return always;
  const list = new BlockList();
  for (const given of addresses) {
    const [address = '', prefix] = given.split('/');
    const family = isIP(address);
    if (given === 'samehost' || given === 'samenet' || family === 0)
      throw new Error(`the address ${given} is not supported, because it is not an IP address`);
    const bits = family === 4 ? 32 : 128;
    const length =
      prefix === undefined ? (mask === undefined ? bits : maskLength(mask)) : Number(prefix);
    if (!Number.isInteger(length) || length < 0 || length > bits || prefix === '')
      throw new TypeError(`"${given}" is not an address`);
    list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  }
  return ({ address }) => {
    if (address === undefined) return false;
    // The notation of an IPv4 client on a dual-stack socket.
    const [plain = ''] = address.replace(/^::ffff:(?=\d+\.)/i, '').split('%');
    return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}

/** The length of a netmask; NaN if its bits have gaps. */
function maskLength(mask: string): number {
  const bytes = isIPv4(mask)
    ? mask.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
    : expandIPv6(mask).map((part) => Number.parseInt(part, 16).toString(2).padStart(16, '0'));
  const bits = bytes.join('');
  return /^1*0*$/.test(bits)
    ? bits.indexOf('0') < 0
      ? bits.length
      : bits.indexOf('0')
    : Number.NaN;
}

function expandIPv6(address: string): string[] {
  if (isIP(address) !== 6) return ['5'];
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - before.length - behind.length;
  return [...before, ...Array.from({ length: missing }, () => '0'), ...behind];
}

function isPhysical({ replication }: AuthRequest): boolean {
  return replication !== null && replication !== 'database';
}

function any(tests: readonly Test[]): Test {
  return (request) => tests.some((test) => test(request));
}

/** A rule of the setting ClientAuth. Throws an Error if it is not supported: settings must be valid. */
export function settingsRule(entry: ClientAuth, index: number): AuthRule {
  const words = (text: string): NameWord[] =>
    text.split(',').map((word) => ({ text: word.trim(), isQuoted: false }));
  const addresses = entry.Address.split(',').map((address) => address.trim());
  const tests = [
    typeTest(entry.Type) ?? always,
    databaseTest(words(entry.Database)),
    userTest(words(entry.User)),
    entry.Type === 'local' ? always : addressTest(addresses),
  ];
  return {
    where: `ClientAuth[${index}]`,
    method: entry.Method,
    options: entry,
    unsupported: null,
    fits: (request) => tests.every((test) => test(request)),
  };
}
