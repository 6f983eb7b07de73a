import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Settings } from '../settings/index.ts';
import { nameOrPattern } from './name-map.ts';

type ClientAuth = Settings['ClientAuth'][number];

/** How clients prove who they are. */
export type AuthMethod = ClientAuth['Method'];

/** Whom a rule looks at. */
export interface AuthRequest {
  /** The client's address; undefined when it has gone. */
  readonly address: string | undefined;
  readonly isTls: boolean;
  readonly user: string;
  readonly database: string;
  /** As in the startup packet; null for a client that wants no replication. */
  readonly replication: string | null;
}

/** What a rule asks for besides its method. */
export type AuthOptions = Pick<
  ClientAuth,
  'ClientCert' | 'Map' | 'Issuer' | 'Audience' | 'Scope' | 'UserClaim' | 'KeySetUrl'
>;

/** A rule about who may come in, and how. */
export interface AuthRule {
  /** Where it stands: `ClientAuth[0]`, or a file and a line. */
  readonly where: string;
  readonly method: AuthMethod;
  readonly options: AuthOptions;
  /** Why whoever it fits is refused: the proxy cannot honour it. */
  readonly unsupported: string | null;
  fits(request: AuthRequest): boolean;
}

/** A word for a user or database; one that is quoted is never a keyword. */
export interface NameWord {
  readonly text: string;
  readonly isQuoted: boolean;
}

type Test = (request: AuthRequest) => boolean;

const always: Test = () => true;

/** Whether a client connects with or without TLS. Null for `local`, which no client of the proxy is. */
export function typeTest(type: string): Test | null {
  switch (type) {
    case 'host':
      return always;
    case 'hostssl':
      return ({ isTls }) => isTls;
    // Nobody encrypts by GSSAPI here.
    case 'hostnossl':
    case 'hostnogssenc':
      return type === 'hostnossl' ? ({ isTls }) => !isTls : always;
    case 'hostgssenc':
      return () => false;
    default:
      return null;
  }
}

/** The databases. Throws an Error that says what cannot be checked. */
export function databaseTest(words: readonly NameWord[]): Test {
  const tests = words.map(({ text, isQuoted }): Test => {
    if (!isQuoted) {
      // As in PostgreSQL, physical replication is of no database, so only its own word fits it.
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

/** The users. Throws an Error that says what cannot be checked. */
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

/** The addresses, each with a prefix or a mask. Throws an Error that says what cannot be checked, or is none. */
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
    // How a socket for both families shows a client of the older one.
    const [plain = ''] = address.replace(/^::ffff:(?=\d+\.)/i, '').split('%');
    return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  };
}

/** The length of a netmask; NaN when its bits have gaps. */
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

/** A rule of the setting ClientAuth. Throws an Error when it cannot be honoured: settings are to be right. */
export function settingsRule(entry: ClientAuth, index: number): AuthRule {
  const words = (text: string): NameWord[] =>
    text.split(',').map((word) => ({ text: word.trim(), isQuoted: false }));
  const tests = [
    typeTest(entry.Type) ?? always,
    databaseTest(words(entry.Database)),
    userTest(words(entry.User)),
    addressTest(entry.Address.split(',').map((address) => address.trim())),
  ];
  return {
    where: `ClientAuth[${index}]`,
    method: entry.Method,
    options: entry,
    unsupported: null,
    fits: (request) => tests.every((test) => test(request)),
  };
}
