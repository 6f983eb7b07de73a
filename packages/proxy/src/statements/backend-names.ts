import { randomBytes } from 'node:crypto';

/**
 * It cannot be guessed, and no other process has it: a client's text that contains it took it from
 * `pg_prepared_statements`.
 */
const secret = randomBytes(8).toString('hex');

/**
 * The prefix of the proxy's statement names on server connections; names of clients never have it. It is lower case and
 * needs no quotes.
 */
export const backendNamePrefix: string = `sluice_${secret}_`;

/** Has the length of the prefix, and is the prefix of no name of the proxy. */
const decoyPrefix = `nobody_${secret}_`;
const decoy = Buffer.from(decoyPrefix);
const secretBytes = Buffer.from(secret);
const prefixBytes = Buffer.from(backendNamePrefix);

/** Names of statements on server connections, in a text. */
const backendNames = new RegExp(`${backendNamePrefix}\\d+`, 'g');

/** The proxy's statement name in an error; null if there is none. */
export function backendNameIn(error: string): string | null {
  return error.match(backendNames)?.[0] ?? null;
}

/**
 * Replaces names of the proxy by names that clients can use, in the name that a client gives or in a SQL text that may
 * call statements by name: on a direct connection the proxy's names have no special meaning. The length is the same, so
 * that error positions stay correct. Returns whether there were any.
 */
export function hideBackendNames(chunk: Buffer, start: number, end: number): boolean {
  if (end - start < prefixBytes.length) return false;
  // The rest is not searched: a chunk may contain many messages.
  const text = chunk.subarray(start, end);
  let at = text.indexOf(prefixBytes);
  if (at < 0) return false;
  for (; at >= 0; at = text.indexOf(prefixBytes, at + decoy.length)) decoy.copy(text, at);
  return true;
}

const firstOfPrefix = prefixBytes[0];

/** A name that a client gives to a statement or portal: PostgreSQL truncates it to 63 bytes (NAMEDATALEN - 1). */
export function nameIn(chunk: Buffer, start: number, end: number): string {
  if (chunk[start] === firstOfPrefix) hideBackendNames(chunk, start, end);
  return chunk.toString('latin1', start, Math.min(end, start + 63));
}

/** Whether a message of the database may contain a statement name of the proxy, or its replacement. */
export function mayNameStatements(message: Buffer): boolean {
  return message.includes(secretBytes);
}

/** Replaces the proxy's names by those of the client; `nameOf` has them. */
export function showClientNames(
  text: string,
  nameOf: (backendName: string) => string | undefined,
): string {
  return text
    .replaceAll(backendNames, (name) => nameOf(name) ?? name)
    .replaceAll(decoyPrefix, backendNamePrefix);
}
