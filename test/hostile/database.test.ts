import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { HostileDatabase } from '../helpers/hostile-database.ts';
import { triesAll } from '../helpers/extent.ts';
import { fieldsOf, int32, message, query } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually } from '../helpers/routes.ts';
import type { Runtime } from '../helpers/runtime.ts';
import { Sluice } from '../helpers/sluice.ts';

const ready = message('Z', Buffer.from('I'));
const codes = 'RKS23CWdcGHDIEVvnNAt1sTZ';

/** Invalid bodies for most messages. */
const bodies: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from([0]),
  Buffer.from([255]),
  Buffer.from([255, 255]),
  Buffer.from([127, 255, 255, 255, 127, 255, 255, 255]),
  Buffer.from('no end'),
  Buffer.concat([int32(7), Buffer.from('channel\0no end')]),
];

/**
 * The bodies to try with a message. The sample has three of them, and different ones for the next message. On Bun,
 * whose sockets deliver them to the same code, it has one.
 */
function bodiesOf(code: string, runtime: Runtime): readonly Buffer[] {
  const first = codes.indexOf(code);
  const sample = runtime === 'node' ? [0, 2, 4] : [0];
  return triesAll ? bodies : sample.map((at) => bodies[(first + at) % bodies.length] as Buffer);
}

/** More parameters than the proxy keeps. */
const flood = Buffer.concat([
  ...Array.from({ length: 200_000 }, (_, index) =>
    message('S', Buffer.from(`name ${index}\0${'v'.repeat(50)}\0`)),
  ),
  ready,
]);

/** Nothing that a database sends ends the process, affects another client, or causes an unexpected exception. */
suite('a hostile database', () => {
  let real: Postgres;
  before(async () => {
    real = await startDatabase();
  });
  after(() => real.stop('immediate'));

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      let hostile: HostileDatabase;
      let sluice: Sluice;
      let bystander: RawClient;
      const address = (): RawClient['address'] => {
        const { user, password, database } = real;
        return { host: sluice.host, port: sluice.port, user, password, database };
      };

      before(async () => {
        hostile = await HostileDatabase.start(real);
        const settings = { PoolSize: 4, ConnectRetryMax: 0.1 };
        sluice = await Sluice.start(hostile.database, settings, runtime);
        bystander = await RawClient.login(address());
      });
      after(async () => {
        hostile.lie = () => null;
        bystander.destroy();
        try {
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
          await hostile.stop();
        }
      });

      async function assertServes(): Promise<void> {
        hostile.lie = () => null;
        // The connection that it borrows may be the one that has just ended.
        await eventually(async () => assert.equal(await bystander.value('SELECT 1'), '1'));
        await eventually(async () => {
          const client = await RawClient.login(address());
          assert.equal(await client.value('SELECT 2'), '2');
          client.destroy();
        });
        assert.equal(await sluice.metric('sluice_faults_total'), 0, sluice.logText());
      }

      for (const code of codes) {
        test(`malformed messages ${code} in reply to a client's statement`, async () => {
          for (const body of bodiesOf(code, runtime)) {
            const client = await RawClient.login(address());
            hostile.lie = (asked) =>
              asked.includes('hostile') ? Buffer.concat([message(code, body), ready]) : null;
            client.send(query("SELECT 'hostile'"));
            await client.ready(2000).catch(() => undefined);
            client.destroy();
            hostile.lie = () => null;
          }
          await assertServes();
        });
      }

      test('a message with an impossible length closes the server connection', async () => {
        for (const length of [-1, 0, 3, 0x40000000, 0x7fffffff]) {
          const client = await RawClient.login(address());
          const lie = Buffer.concat([Buffer.from('T'), int32(length), ready]);
          hostile.lie = (asked) => (asked.includes('hostile') ? lie : null);
          client.send(query("SELECT 'hostile'"));
          const [error] = (await client.until('E')).slice(-1);
          assert(error !== undefined);
          assert.equal(fieldsOf(error)['C'], '08P01', `length ${length}`);
          client.destroy();
          hostile.lie = () => null;
        }
        await assertServes();
      });

      test('an unlimited number of parameters is not kept', async () => {
        const memory = await sluice.residentMemory();
        for (let round = 0; round < 3; round += 1) {
          const client = await RawClient.login(address());
          hostile.lie = (asked) => (asked.includes('hostile') ? flood : null);
          client.send(query("SELECT 'hostile'"));
          const [error] = (await client.until('E')).slice(-1);
          assert(error !== undefined);
          assert.equal(fieldsOf(error)['C'], '08P01');
          client.destroy();
          hostile.lie = () => null;
        }
        await assertServes();
        const grown = (await sluice.residentMemory()) - memory;
        assert(grown < 100 * 1024 * 1024, `${grown} bytes`);
      });

      for (const [what, own] of [
        ['the proxy’s own statement', 'pg_catalog'],
        ['a health check', 'pg_is_in_recovery'],
        ['a login', '\u0000user\u0000'],
      ] as const) {
        test(`malformed messages in reply to ${what}`, async () => {
          for (const code of codes) {
            for (const body of bodiesOf(code, runtime)) {
              let lies = 0;
              hostile.lie = (asked) => {
                if (lies > 0 || !asked.includes(own)) return null;
                lies += 1;
                return Buffer.concat([message(code, body), ready]);
              };
              const client = await RawClient.open(address());
              const login = client.login({
                parameters: { application_name: `${code}${body.length}` },
              });
              const late = delay(30_000, 'late', { ref: false });
              const how = await Promise.race([login.catch(() => 'refused'), late]);
              if (how === 'late')
                assert.fail(`no end of the login after ${code} ${body.toString('hex')}`);
              client.send(query(`SET work_mem = '${body.length + 64}kB'`));
              await client.ready(2000).catch(() => undefined);
              client.destroy();
            }
          }
          await assertServes();
        });
      }
    });
  }
});
