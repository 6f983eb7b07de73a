import type { SecureContextOptions } from 'node:tls';
import type { Settings } from '../settings/index.ts';

/** TLS versions, cipher suites and groups, for either side. */
export function tlsProtocol(settings: Settings): SecureContextOptions {
  const { TlsMinVersion, TlsCiphers, TlsGroups } = settings;
  return {
    minVersion: TlsMinVersion,
    ...(TlsCiphers === undefined ? {} : { ciphers: TlsCiphers }),
    ...(TlsGroups === undefined ? {} : { ecdhCurve: TlsGroups }),
  };
}
