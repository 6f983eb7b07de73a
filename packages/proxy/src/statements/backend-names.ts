import { randomBytes } from 'node:crypto';

/** Nobody can guess it, and no other process has it: a client's text that has it took it from `pg_prepared_statements`. */
const secret = randomBytes(8).toString('hex');

/**
 * The names that statements of the proxy bear on server connections begin so; a client's own names never do. They are
 * lower case and hold no other character than these, so that they mean the same with quotes and without.
 */
export const backendNamePrefix: string = `sluice_${secret}_`;

/** As long as the prefix, and begins no name of the proxy's. */
const decoyPrefix = `nobody_${secret}_`;
const decoy = Buffer.from(decoyPrefix);
const secretBytes = Buffer.from(secret);
const prefixBytes = Buffer.from(backendNamePrefix);

/** Names of statements on server connections, in a text. */
const backendNames = new RegExp(`${backendNamePrefix}\\d+`, 'g');

/** The name of the proxy's own that an error tells of; null when it tells of none. */
export function backendNameIn(error: string): string | null {
  return error.match(backendNames)?.[0] ?? null;
}

/**
 * Puts names that are the clients' to give in the place of the proxy's own, in the name that a client gives or in a text of
 * SQL that may call statements by their names: on a direct connection the proxy's are names like others. Of the same length,
 * so that places in errors stay right. Returns whether there were any.
 */
export function hideBackendNames(chunk: Buffer, start: number, end: number): boolean {
  if (end - start < prefixBytes.length) return false;
  // What comes behind is not looked at: a chunk may hold many messages.
  const text = chunk.subarray(start, end);
  let at = text.indexOf(prefixBytes);
  if (at < 0) return false;
  for (; at >= 0; at = text.indexOf(prefixBytes, at + decoy.length)) decoy.copy(text, at);
  return true;
}

/** Whether a message of the database may name a statement of the proxy's, or what was put in the place of its name. */
export function mayNameStatements(message: Buffer): boolean {
  return message.includes(secretBytes);
}

/** Puts the client's names in the place of the proxy's own; `nameOf` knows them. */
export function showClientNames(
  text: string,
  nameOf: (backendName: string) => string | undefined,
): string {
  return text
    .replaceAll(backendNames, (name) => nameOf(name) ?? name)
    .replaceAll(decoyPrefix, backendNamePrefix);
}
