import { StartupCode, tlsHandshakeRecord } from './codes.ts';

/*
 * Packets of the startup phase have no code byte: Int32 length (including itself), Int32 code or version, then the
 * rest.
 */

/** The minimum size of a packet: length and code. */
export const shortestPacket = 8;

/** PostgreSQL's limit for the part after the length (MAX_STARTUP_PACKET_LENGTH). */
export const longestStartup = 10_000;

/** The length of the packet at the beginning of the buffer; 0: it has not arrived yet. */
export function packetLength(buffer: Buffer): number {
  return buffer.length < 4 ? 0 : buffer.readUInt32BE(0);
}

/**
 * One of `StartupCode`, or a protocol version: the major version in the upper two bytes, the minor version in the
 * lower.
 */
export function packetCode(packet: Buffer): number {
  return packet.readUInt32BE(4);
}

/**
 * A TLS record (RFC 8446, section 5.1): its type, the version, and the length of the rest. A handshake message has its
 * own header.
 */
const recordHeader = 5;
const handshakeHeader = 4;

/**
 * The length that the buffer needs at least before it contains the complete first message of a TLS handshake, in any
 * number of records; 0 if it does, or contains something else, which TLS will refuse. A record without content is
 * something else.
 */
export function clientHelloNeeds(buffer: Buffer): number {
  const header: number[] = [];
  let end = 0;
  /** What the rest of the message takes. */
  let rest = handshakeHeader;
  let received = 0;
  while (end < buffer.length) {
    if (buffer[end] !== tlsHandshakeRecord) return 0;
    const start = end + recordHeader;
    if (start > buffer.length) return start + rest;
    end = start + buffer.readUInt16BE(start - 2);
    if (end === start) return 0;
    received += end - start;
    const stop = Math.min(end, buffer.length);
    for (let at = start; at < stop && header.length < handshakeHeader; at++)
      header.push(buffer[at] ?? 0);
    const [, high = 0, middle = 0, low = 0] = header;
    const length = header.length < handshakeHeader ? 0 : (high << 16) + (middle << 8) + low;
    rest = Math.max(0, handshakeHeader + length - received);
    if (end > buffer.length) return end + (rest > 0 ? recordHeader + rest : 0);
    if (rest === 0) return 0;
  }
  return end + recordHeader + rest;
}

/** The protocol version of a StartupMessage. */
export function protocolVersion(packet: Buffer): {
  readonly major: number;
  readonly minor: number;
} {
  return { major: packet.readUInt16BE(4), minor: packet.readUInt16BE(6) };
}

/** A protocol version in the format of packets. */
export function versionCode(major: number, minor: number): number {
  return (major << 16) | minor;
}

/**
 * CancelRequest (F): Int32 length, Int32(80877102), Int32 process id, Byten secret (4 bytes in 3.0, up to 256 in 3.2).
 */
export function readCancelRequest(
  packet: Buffer,
): { readonly processId: number; readonly secret: Buffer } | null {
  const secret = packet.subarray(12);
  if (packetCode(packet) !== StartupCode.CancelRequest || secret.length < 4 || secret.length > 256)
    return null;
  return { processId: packet.readUInt32BE(8), secret };
}

/** A parsed startup packet. */
export interface StartupMessage {
  readonly major: number;
  readonly minor: number;
  /** Names and values in order, as bytes, one character per byte. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/**
 * Parses a StartupMessage, the complete packet: Int32 length, Int32 version, then pairs of Strings, then a zero byte.
 * Returns null if the format is invalid (a name without a value, no zero byte at the end).
 */
export function parseStartup(packet: Buffer): StartupMessage | null {
  const parameters: [string, string][] = [];
  let at = shortestPacket;
  while (at < packet.length - 1) {
    const nameEnd = packet.indexOf(0, at);
    if (nameEnd < 0 || nameEnd === at) return null;
    const valueEnd = packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return null;
    parameters.push([
      packet.toString('latin1', at, nameEnd),
      packet.toString('latin1', nameEnd + 1, valueEnd),
    ]);
    at = valueEnd + 1;
  }
  if (at !== packet.length - 1 || packet[at] !== 0) return null;
  return { ...protocolVersion(packet), parameters };
}

/** The parsed command-line options in the startup parameter `options`. */
export interface StartupOptions {
  /** The parameters that they set: `-c name=value`, `--name=value`, and the short options for a parameter. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** PostgreSQL's error for the first invalid option; null if there is none. */
  readonly problem: string | null;
}

/** Options with an argument, by letter: the parameter that they set (manual, "postgres", "Options"). */
const valued: Readonly<Record<string, string>> = {
  B: 'shared_buffers',
  h: 'listen_addresses',
  k: 'unix_socket_directories',
  N: 'max_connections',
  p: 'port',
  S: 'work_mem',
  W: 'post_auth_delay',
};

/** Options without an argument: the parameter and its value. */
const plain: Readonly<Record<string, readonly [name: string, value: string]>> = {
  e: ['datestyle', 'euro'],
  F: ['fsync', 'false'],
  i: ['listen_addresses', '*'],
  l: ['ssl', 'true'],
  O: ['allow_system_table_mods', 'true'],
  P: ['ignore_system_indexes', 'true'],
  s: ['log_statement_stats', 'true'],
};

/** Arguments of -f: plan types to disable. */
const plans: ReadonlyMap<string, string> = new Map([
  ['s', 'enable_seqscan'],
  ['i', 'enable_indexscan'],
  ['o', 'enable_indexonlyscan'],
  ['b', 'enable_bitmapscan'],
  ['t', 'enable_tidscan'],
  ['n', 'enable_nestloop'],
  ['m', 'enable_mergejoin'],
  ['h', 'enable_hashjoin'],
]);

/** Arguments of -t, by their first letters. */
const statistics: Readonly<Record<string, string>> = {
  pa: 'log_parser_stats',
  pl: 'log_planner_stats',
  e: 'log_executor_stats',
};

/** Accepted without an effect for a client: alone, and with an argument. */
const ignored = 'bCEjnT';
const ignoredValued = 'Drv';

/**
 * Parses `options`: arguments separated by white space, with backslash escapes (manual, libpq, "options"). A dash in a
 * name after `--` means an underscore, as on postgres' command line.
 */
export function parseOptions(options: string): StartupOptions {
  const words = splitWords(options);
  const parameters: (readonly [string, string])[] = [];
  const invalid = (word: string): StartupOptions => ({
    parameters,
    problem: `invalid command-line argument for server process: ${word}`,
  });
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('-') || word === '-') return invalid(word);
    // One word can contain several letters; the first with an argument takes the rest of the word, or the next word.
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      if (Object.hasOwn(plain, letter)) {
        const set = plain[letter];
        if (set !== undefined) parameters.push(set);
        continue;
      }
      if (ignored.includes(letter)) continue;
      const takes = Object.hasOwn(valued, letter) || `-cdft${ignoredValued}`.includes(letter);
      const argument = at + 1 < word.length ? word.slice(at + 1) : words[++i];
      if (!takes || argument === undefined) return invalid(word);
      if (letter === '-' || letter === 'c') {
        const equals = argument.indexOf('=');
        if (equals <= 0)
          return {
            parameters,
            problem: `-${letter}${letter === 'c' ? ' ' : ''}${argument} requires a value`,
          };
        parameters.push([
          argument.slice(0, equals).replaceAll('-', '_'),
          argument.slice(equals + 1),
        ]);
      } else if (letter === 'd') parameters.push(...debugLevel(argument));
      else if (letter === 'f') {
        const plan = plans.get(argument);
        if (plan === undefined) return invalid(word);
        parameters.push([plan, 'false']);
      } else if (letter === 't') {
        const name = statistics[argument.slice(0, argument.startsWith('p') ? 2 : 1)];
        if (name === undefined) return invalid(word);
        parameters.push([name, 'true']);
      } else if (Object.hasOwn(valued, letter)) parameters.push([valued[letter] ?? '', argument]);
      break;
    }
  }
  return { parameters, problem: null };
}

/** The parameters that -d sets, more for a higher level. */
function debugLevel(argument: string): (readonly [string, string])[] {
  const level = Number.parseInt(argument, 10) || 0;
  if (level <= 0) return [['log_min_messages', 'notice']];
  const messages = `debug${Math.min(level, 5)}`;
  const all: [string, string][] = [['log_min_messages', messages]];
  if (level >= 1) all.push(['log_connections', 'true'], ['log_disconnections', 'true']);
  if (level >= 2) all.push(['log_statement', 'all']);
  if (level >= 3) all.push(['debug_print_parse', 'true']);
  if (level >= 4) all.push(['debug_print_plan', 'true']);
  if (level >= 5) all.push(['debug_print_rewritten', 'true']);
  return all;
}

/** White space according to C's isspace(); other characters are part of a word. */
const whiteSpace = ' \t\n\v\f\r';

function splitWords(options: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < options.length; i++) {
    let character = options.charAt(i);
    if (whiteSpace.includes(character)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    if (character === '\\' && i + 1 < options.length) character = options.charAt(++i);
    word = (word ?? '') + character;
  }
  if (word !== null) words.push(word);
  return words;
}
