import type { SecureContextOptions } from 'node:tls';
import type { Settings } from '../settings/index.ts';

/** The TLS versions, cipher suites and groups in the settings, for clients and for the database. */
export function tlsProtocol(settings: Settings): SecureContextOptions {
  const { TlsMinVersion, TlsCiphers, TlsGroups } = settings;
  return {
    minVersion: TlsMinVersion,
    ...(TlsCiphers === undefined ? {} : { ciphers: TlsCiphers }),
    ...(TlsGroups === undefined ? {} : { ecdhCurve: TlsGroups }),
  };
}
