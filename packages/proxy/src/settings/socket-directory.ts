import path from 'node:path';

/** Whether a host is the directory of a Unix socket, as in libpq. */
export function isSocketDirectory(host: string): boolean {
  return host.startsWith('/');
}

/** The file of a Unix socket in a directory; every client of PostgreSQL finds it by directory and port. */
export function socketFile(directory: string, port: number): string {
  return path.join(directory, `.s.PGSQL.${port}`);
}
