import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bunPath } from './bun-path.ts';
import { freePort, ProxyProcess } from './proxy-process.ts';
import type { Target, TargetSetup } from './target.ts';

const sluice = path.join(import.meta.dirname, '../../packages/cli/bin/sluice.js');

/** Starts `sluice serve` on Node.js (the runtime of this process) or on Bun, with options for the runtime. */
export async function startSluice(
  runtime: 'node' | 'bun',
  setup: TargetSetup,
  runtimeOptions: readonly string[] = [],
): Promise<Target & { readonly pid: number; readonly leave: () => Promise<void> }> {
  const { postgres, tls, folder } = setup;
  const name = `sluice-${runtime}` as const;
  const port = await freePort();
  const settings = {
    ListenPort: port,
    AdminPort: 0,
    TargetHost: setup.database.host,
    TargetPort: setup.database.port,
    TargetTlsMode: tls ? 'require' : 'disable',
    ...(tls && { TlsMode: 'require', TlsCertFile: setup.certFile, TlsKeyFile: setup.keyFile }),
    Users: [
      {
        UserName: postgres.user,
        Verifier: setup.verifier,
        DatabasePassword: postgres.password,
      },
    ],
    PoolSize: setup.poolSize,
    MaxClientConnections: setup.maxClients,
    Interleaving: setup.interleaving,
    ...(setup.socketDirectory !== null && { ListenSocket: setup.socketDirectory }),
    // The same log level as for PgBouncer.
    LogLevel: 'warn',
  };
  const file = path.join(folder, `${name}.yaml`);
  // JSON is YAML.
  await writeFile(file, JSON.stringify(settings));

  const { user, password, database } = postgres;
  const host = setup.socketDirectory ?? postgres.host;
  const address = { host, port, user, password, database };
  const proxy = await ProxyProcess.start({
    name,
    program: runtime === 'bun' ? bunPath() : process.execPath,
    args: [...runtimeOptions, sluice, 'serve', '--config', file],
    logFile: path.join(folder, `${name}.log`),
    address,
    tls,
  });
  const { pid } = proxy;
  return { name, address, pid, stop: () => proxy.stop(), leave: () => proxy.leave() };
}
