import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadPostgres } from './load-postgres.ts';

/** A certificate for this machine, in temporary files. */
export interface TlsFiles {
  /** The authority that clients have to trust. */
  readonly ca: string;
  readonly settings: { readonly TlsCertFile: string; readonly TlsKeyFile: string };
  readonly remove: () => Promise<void>;
}

/** Creates a certificate for localhost and the authority that signs it. */
export async function makeTlsFiles(): Promise<TlsFiles> {
  const { makeCertificate } = await loadPostgres();
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-tls-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const { cert, key, ca } = await makeCertificate();
    const write = async (name: string, text: string): Promise<string> => {
      const file = path.join(folder, name);
      await writeFile(file, text, { mode: 0o600 });
      return file;
    };
    return {
      ca: await write('ca.pem', ca),
      settings: {
        TlsCertFile: await write('cert.pem', cert),
        TlsKeyFile: await write('key.pem', key),
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
