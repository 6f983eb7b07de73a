import { createSecureContext } from 'node:tls';
import { alpnProtocol } from './tls.ts';
import type { TlsMaterial, TlsProtocol } from './tls.ts';

/** A list of one ALPN protocol in wire format: after its length. */
export function alpnList(protocol: string): Buffer {
  return Buffer.from(String.fromCharCode(protocol.length) + protocol, 'latin1');
}

export const alpnWire: Buffer = alpnList(alpnProtocol);

type Protocol = TlsProtocol & TlsMaterial;

/**
 * A secure context of the runtime, without the wrapper of `node:tls`. Throws if a certificate and its key do not match.
 */
export function newSecureContext(protocol: Protocol, ca: string | undefined): unknown {
  return createSecureContext({ ...protocol, ...(ca === undefined ? {} : { ca }) }).context;
}

/** By protocol; all addresses with the same settings have the same object. */
const known = new WeakMap<
  Protocol,
  { readonly ca: string | undefined; readonly context: unknown }
>();

/**
 * The secure context for these settings. It is created only once, because reading the authorities takes many
 * milliseconds.
 */
export function secureContext(protocol: Protocol, ca: string | undefined): unknown {
  const found = known.get(protocol);
  if (found?.ca === ca && found !== undefined) return found.context;
  const context = newSecureContext(protocol, ca);
  known.set(protocol, { ca, context });
  return context;
}
