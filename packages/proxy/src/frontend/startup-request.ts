import { parseOptions, parseStartup, protocolVersion, readable, versionCode } from '@sluice/wire';
import { ProxyError } from '../errors.ts';

/** The newest minor version of protocol 3 that is spoken here. */
const newestMinor = 2;

/** What a client asks for in its startup packet. */
export interface StartupRequest {
  readonly user: string;
  /** As in PostgreSQL, the user's name when none is given. */
  readonly database: string;
  /**
   * The startup parameters in the order in which PostgreSQL applies them: those inside `options` go first. As bytes, a
   * character for each: PostgreSQL takes them unconverted, in the encoding of the database.
   */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The value of the `replication` parameter when it asks for a replication connection, else null. */
  readonly replication: string | null;
  /** The minor version that both sides speak. */
  readonly minor: number;
  /** What NegotiateProtocolVersion has to tell: the client wants a newer version, or options not known here. */
  readonly negotiate: { readonly version: number; readonly unknown: readonly string[] } | null;
}

/** Startup packets of up to so many bytes are remembered, and so many of them. */
const longestKept = 512;
const mostKept = 64;
const kept = new Map<string, StartupRequest>();

/**
 * Reads a whole startup packet of protocol 3. Throws the error that the client is to be given.
 *
 * The clients of one application all send the same packet, so what was read is remembered by its bytes. Whoever fills
 * the memory with packets of their own makes the others be read again, and no more.
 */
export function readStartupRequest(packet: Buffer): StartupRequest {
  if (packet.length > longestKept) return read(packet);
  const bytes = packet.toString('latin1');
  let request = kept.get(bytes);
  if (request === undefined) {
    request = read(packet);
    if (kept.size >= mostKept) kept.clear();
    kept.set(bytes, request);
  }
  return request;
}

function read(packet: Buffer): StartupRequest {
  const { major, minor: asked } = protocolVersion(packet);
  if (major !== 3) throw new ProxyError('PROTOCOL_VERSION', { version: `${major}.${asked}` });
  const startup = parseStartup(packet);
  if (startup === null) {
    const what = 'invalid startup packet layout';
    throw new ProxyError('PROTOCOL_VIOLATION', { what });
  }
  const given = new Map(startup.parameters);
  const user = readable(given.get('user') ?? '');
  if (user === '') throw new ProxyError('NO_USER_NAME');
  const options = parseOptions(given.get('options') ?? '');
  if (options.problem !== null)
    throw new ProxyError('STARTUP_OPTION', { problem: options.problem });
  const minor = Math.min(asked, newestMinor);
  const unknown = [...given.keys()].filter((name) => name.startsWith('_pq_.'));
  return {
    user,
    database: readable(given.get('database') ?? '') || user,
    parameters: [...options.parameters, ...startup.parameters],
    replication: readReplication(given.get('replication')),
    minor,
    negotiate:
      asked > newestMinor || unknown.length > 0
        ? { version: versionCode(major, minor), unknown }
        : null,
  };
}

/** `database` asks for logical replication, a true boolean for physical (manual, "Streaming Replication Protocol"). */
function readReplication(value: string | undefined): string | null {
  if (value === undefined || /^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value)) return null;
  if (/^(database|t|tr|tru|true|y|ye|yes|on|1)$/i.test(value)) return value;
  throw new ProxyError('STARTUP_PARAMETER', { name: 'replication', value });
}
