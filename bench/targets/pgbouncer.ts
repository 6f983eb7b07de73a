import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, ProxyProcess } from './proxy-process.ts';
import type { Target, TargetSetup } from './target.ts';

const run = promisify(execFile);

/**
 * The PgBouncer in the environment variable PGBOUNCER, or on the PATH; undefined if there is none. Throws if PGBOUNCER
 * names something else.
 */
export async function findPgbouncer(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env['PGBOUNCER'];
  const program = named === undefined || named === '' ? 'pgbouncer' : named;
  const version = await run(program, ['--version']).catch(() => undefined);
  if (version?.stdout.startsWith('PgBouncer') === true) return program;
  if (program === named) {
    throw new Error(`PGBOUNCER is "${named}", which is not PgBouncer; name its program`);
  }
  return undefined;
}

/** Starts PgBouncer in transaction pooling. */
export async function startPgbouncer(program: string, setup: TargetSetup): Promise<Target> {
  const { postgres, tls, folder } = setup;
  const port = await freePort();
  const { host, user, password, database } = postgres;
  const users = path.join(folder, 'pgbouncer-users.txt');
  // The database's own verifier works for clients and for the database.
  await writeFile(users, `"${user}" "${setup.verifier}"\n`);

  const options: Record<string, string | number> = {
    listen_addr: host,
    listen_port: port,
    unix_socket_dir: setup.socketDirectory ?? '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: 'transaction',
    default_pool_size: setup.poolSize,
    max_client_conn: setup.maxClients,
    max_prepared_statements: 200,
    log_connections: 0,
    log_disconnections: 0,
    server_tls_sslmode: tls ? 'require' : 'disable',
    client_tls_sslmode: tls ? 'require' : 'disable',
    ...(tls && { client_tls_cert_file: setup.certFile, client_tls_key_file: setup.keyFile }),
    // It refuses to run as root.
    ...(process.getuid?.() === 0 && { user: 'nobody' }),
  };
  const lines = Object.entries(options).map(([option, value]) => `${option} = ${value}\n`);
  const file = path.join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]\n${database} = host=${setup.database.host} port=${setup.database.port}\n[pgbouncer]\n${lines.join('')}`,
  );

  const address = { host: setup.socketDirectory ?? host, port, user, password, database };
  const proxy = await ProxyProcess.start({
    name: 'pgbouncer',
    program,
    args: [file],
    logFile: path.join(folder, 'pgbouncer.log'),
    address,
    tls,
  });
  return { name: 'pgbouncer', address, pid: proxy.pid, stop: () => proxy.stop() };
}
