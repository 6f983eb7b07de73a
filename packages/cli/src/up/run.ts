import { startProxy } from '@sluice/proxy';
import type { RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { leave } from '../leave.ts';
import { runtimeName } from '../runtime-name.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { startClusterDatabase } from './cluster.ts';
import { acceptRequests } from './control.ts';
import type { Database } from './database.ts';
import { givenDatabase, startDatabase } from './database.ts';
import { runFailover } from './fail-over.ts';
import { loadPostgres } from './load-postgres.ts';
import type { UpOptions } from './options.ts';
import { upOptions } from './options.ts';
import type { Ready } from './report.ts';
import { readyText } from './report.ts';
import type { TlsFiles } from './tls.ts';
import { makeTlsFiles } from './tls.ts';

export const run: Run = async (input) => {
  const options = upOptions(input);
  const { stdout } = input;
  const signals = new StopSignals();
  // During the stop, a second Ctrl-C exits immediately; the guardian of PostgreSQL cleans up then.
  signals.second.addEventListener('abort', () => process.exit(130));
  /** The cleanup steps, run in reverse order. */
  const undo: (() => Promise<void>)[] = [];
  try {
    if (options.target === undefined) await loadPostgres();
    if (!options.json && options.target === undefined) {
      stdout.write('Starting PostgreSQL and Sluice…\n');
    }
    const ready = await start(options, signals.first, undo);
    stdout.write(
      options.json
        ? `${JSON.stringify({ event: 'ready', ...ready })}\n`
        : readyText(ready, options),
    );
    await aborted(signals.first);
    if (!options.json) {
      stdout.write('\nStopping…\n');
    }
  } catch (error) {
    if (!signals.first.aborted) {
      throw error;
    }
  } finally {
    for (const step of undo.toReversed()) {
      await step();
    }
  }
  if (options.json) {
    stdout.write(`${JSON.stringify({ event: 'stopped' })}\n`);
  }
  return leave(0, Promise.resolve());
};

async function start(
  options: UpOptions,
  signal: AbortSignal,
  undo: (() => Promise<void>)[],
): Promise<Ready> {
  const { target } = options;
  const cluster = options.standbys > 0 ? await startClusterDatabase(options, signal) : undefined;
  const database =
    cluster ??
    (target === undefined
      ? await startDatabase(options, signal)
      : givenDatabase(target, process.env));
  undo.push(database.stop);
  signal.throwIfAborted();
  const tls = options.tls ? await makeTlsFiles() : undefined;
  if (tls !== undefined) {
    undo.push(tls.remove);
  }
  const proxy = await startProxy(
    createSettings({
      ...database.settings,
      ...tls?.settings,
      ListenPort: options.port,
      AdminPort: options.adminPort,
      PoolSize: options.poolSize,
      LogLevel: 'warn',
      Users: [{ UserName: database.user, Password: database.password }],
    }),
  );
  undo.push(() => proxy.stop());
  const { host, port } = proxy.admin;
  const admin = `http://${host}:${port}`;
  undo.push(
    await acceptRequests(
      admin,
      cluster === undefined ? undefined : (kind) => runFailover(cluster, admin, kind),
    ),
  );
  return describe(proxy, database, tls);
}

function describe(proxy: RunningProxy, database: Database, tls: TlsFiles | undefined): Ready {
  const [endpoint] = proxy.endpoints;
  if (endpoint === undefined) {
    throw new Error('the proxy has no endpoint');
  }
  const { host, port } = endpoint;
  const { user, password, name } = database;
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  const query = tls === undefined ? '' : `?sslmode=verify-full&sslrootcert=${tls.ca}`;
  const url = `postgres://${login}@${host}:${port}/${encodeURIComponent(name)}${query}`;
  return {
    endpoint: { host, port, user, password, database: name, url },
    database: { url: database.url },
    admin: { url: `http://${proxy.admin.host}:${proxy.admin.port}` },
    pid: process.pid,
    runtime: runtimeName,
  };
}
