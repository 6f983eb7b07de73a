import { parseOptions, parseStartup, protocolVersion, readable, versionCode } from '@sluice/wire';
import { ProxyError } from '../errors.ts';

/** The newest supported minor version of protocol 3. */
const newestMinor = 2;

/** The content of a startup packet. */
export interface StartupRequest {
  readonly user: string;
  /** As in PostgreSQL, the user name is the default. */
  readonly database: string;
  /**
   * The startup parameters in the order in which PostgreSQL applies them: those in `options` come first. As bytes, one
   * character per byte: PostgreSQL does not convert them from the client encoding.
   */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The value of the `replication` parameter if it requests a replication connection, otherwise null. */
  readonly replication: string | null;
  /** The negotiated minor version. */
  readonly minor: number;
  /** The content of NegotiateProtocolVersion: the client requested a newer version, or unknown options. */
  readonly negotiate: { readonly version: number; readonly unknown: readonly string[] } | null;
}

/** The maximum size and number of cached startup packets. */
const longestKept = 512;
const mostKept = 64;
const kept = new Map<string, StartupRequest>();

/**
 * Parses a complete startup packet of protocol 3. Throws the error for the client.
 *
 * All clients of an application send the same packet, so results are cached by its bytes. A client that fills the cache
 * with different packets only causes the others to be parsed again.
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
  const { major, minor: requestedMinor } = protocolVersion(packet);
  if (major !== 3)
    throw new ProxyError('PROTOCOL_VERSION', { version: `${major}.${requestedMinor}` });
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
  const minor = Math.min(requestedMinor, newestMinor);
  const unknown = [...given.keys()].filter((name) => name.startsWith('_pq_.'));
  return {
    user,
    database: readable(given.get('database') ?? '') || user,
    parameters: [...options.parameters, ...startup.parameters],
    replication: readReplication(given.get('replication')),
    minor,
    negotiate:
      requestedMinor > newestMinor || unknown.length > 0
        ? { version: versionCode(major, minor), unknown }
        : null,
  };
}

/**
 * `database` requests logical replication, a true boolean physical replication (manual, "Streaming Replication
 * Protocol").
 */
function readReplication(value: string | undefined): string | null {
  if (value === undefined || /^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(value)) return null;
  if (/^(database|t|tr|tru|true|y|ye|yes|on|1)$/i.test(value)) return value;
  throw new ProxyError('STARTUP_PARAMETER', { name: 'replication', value });
}
