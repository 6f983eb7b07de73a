import { readFileSync } from 'node:fs';
import { readKeyPair } from '../credentials/key-pair.ts';
import type { Settings } from '../settings/index.ts';

/** TLS for the admin port, in PEM. */
export interface AdminTls {
  readonly cert: string;
  readonly key: string;
  /** The authorities for client certificates. */
  readonly ca: string | undefined;
}

/** Reads the certificates of the admin port; null if it has none. */
export function readAdminTls(settings: Settings): AdminTls | null {
  const { AdminTlsCertFile, AdminTlsKeyFile, AdminTlsCaFile } = settings;
  if (AdminTlsCertFile === undefined || AdminTlsKeyFile === undefined) return null;
  const { cert, key } = readKeyPair(AdminTlsCertFile, AdminTlsKeyFile);
  const ca = AdminTlsCaFile === undefined ? undefined : readFileSync(AdminTlsCaFile, 'utf8');
  return { cert, key, ca };
}
