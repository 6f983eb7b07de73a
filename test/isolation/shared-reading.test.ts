import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import { startDatabase } from '../helpers/database.ts';
import { RawClient } from '../helpers/raw-client.ts';

const functionsRead = 'FROM pg_proc p JOIN pg_language l';
const changesSought = 'pg_postmaster_start_time';

test('users of one database share what was read of its code', async () => {
  const users = ['ann', 'clerk'];
  const log: string[] = [];
  await using closers = new AsyncDisposableStack();
  const server = await startDatabase({
    auth: 'trust',
    parameters: { log_statement: 'all', log_line_prefix: '%u: ' },
    onLog: (line) => log.push(line),
  });
  closers.defer(() => server.stop('immediate'));
  const { host, port, password, database } = server;
  const outside = await RawClient.login({ host, port, user: 'ann', password, database });
  closers.defer(() => outside.end());
  await outside.rows(
    `CREATE ROLE clerk LOGIN; CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS
       $$ BEGIN PERFORM set_config('app.h', 'hidden', false); END $$`,
  );
  const proxy = await startProxy(
    createSettings({
      ListenPort: 0,
      AdminPort: 0,
      TargetHost: host,
      TargetPort: port,
      PoolSize: 1,
      LogLevel: 'fatal',
      Users: users.map((name) => ({
        UserName: name,
        Verifier: `md5${createHash('md5')
          .update(password + name)
          .digest('hex')}`,
      })),
    }),
  );
  closers.defer(() => proxy.stop());
  const [endpoint] = proxy.endpoints;
  assert(endpoint !== undefined);
  const readBy = (user: string, what: string): number =>
    log.filter((line) => line.startsWith(`${user}: `) && line.includes(what)).length;

  for (const user of users) {
    const address = { host: endpoint.host, port: endpoint.port, user, password, database };
    const client = await RawClient.login(address);
    closers.defer(() => client.end());
    await client.rows('SELECT f()');
    // The second search for changes follows the end of the first reading.
    while (readBy(user, changesSought) < 2) {
      await client.rows('SELECT 1');
      await delay(20);
    }
    const other = await RawClient.login(address);
    closers.defer(() => other.end());
    assert.equal(await other.value("SELECT coalesce(current_setting('app.h', true), '')"), '');
    assert.equal(await client.value("SELECT current_setting('app.h')"), 'hidden');
  }
  assert.equal(readBy('ann', functionsRead), 1);
  assert.equal(readBy('clerk', functionsRead), 0);
});
