import type { TlsProtocol } from '../io/tls.ts';
import type { Settings } from '../settings/index.ts';

/** The TLS versions, cipher suites and groups in the settings, for clients and for the database. */
export function tlsProtocol(settings: Settings): TlsProtocol {
  const { TlsMinVersion, TlsCiphers, TlsGroups } = settings;
  return {
    minVersion: TlsMinVersion,
    ...(TlsCiphers === undefined ? {} : { ciphers: TlsCiphers }),
    ...(TlsGroups === undefined ? {} : { ecdhCurve: TlsGroups }),
  };
}
