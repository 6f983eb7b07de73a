import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProxy, Postgres } from '@sluice/testkit';
import * as messages from '../../helpers/messages.ts';
import { RawClient } from '../../helpers/raw-client.ts';
import type { Address } from '../../helpers/raw-client.ts';
import type { Sluice } from '../../helpers/sluice.ts';
import type { Random } from '../fuzz/random.ts';

/** Where faults happen. */
export interface Scene {
  readonly database: Postgres;
  readonly network: FaultProxy;
  readonly sluice: Sluice;
  readonly address: Address;
  readonly random: Random;
}

/** A temporary fault. */
export interface Fault {
  readonly name: string;
  /** What it explains: any error of a connection, refused logins, or nothing. */
  readonly explains: 'errors' | 'refusals' | 'nothing';
  /** Two faults in the same place cannot happen at the same time. */
  readonly place: 'database' | 'network' | 'log' | 'settings' | 'clients';
  /** Causes the fault; returns a function that ends it. */
  readonly strike: (scene: Scene) => Promise<() => Promise<void>>;
}

const nothing = (): Promise<void> => Promise.resolve();

/** Sends a signal to the postmaster and all its children. */
async function signalAll(database: Postgres, signal: NodeJS.Signals): Promise<() => Promise<void>> {
  const rows = await database.query<{ pid: number }>('SELECT pid FROM pg_stat_activity');
  const pids = [database.pid ?? 0, ...rows.map(({ pid }) => pid)].filter((pid) => pid > 0);
  const send = (one: NodeJS.Signals): void => {
    for (const pid of pids) {
      try {
        process.kill(pid, one);
      } catch {
        // It has ended.
      }
    }
  };
  send(signal);
  return () => {
    send('SIGCONT');
    return nothing();
  };
}

/** Misbehaving clients, until they are stopped. */
async function flood(
  { address }: Scene,
  count: number,
  send: (client: RawClient) => Promise<void>,
): Promise<() => Promise<void>> {
  const over = new AbortController();
  const one = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const client = await RawClient.open(address);
        try {
          for (let round = 0; round < 20 && !over.signal.aborted; round += 1) await send(client);
        } finally {
          client.destroy();
        }
      } catch {
        // The proxy closes it, as expected.
      }
      await delay(10);
    }
  };
  const all = Promise.all(Array.from({ length: count }, one));
  await Promise.resolve();
  return async () => {
    over.abort();
    await all;
  };
}

export const faults: readonly Fault[] = [
  {
    name: 'server connections killed',
    explains: 'errors',
    place: 'database',
    strike: async ({ database }) => {
      await database.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND random() < 0.6`,
      );
      return nothing;
    },
  },
  {
    name: 'database stopped',
    explains: 'errors',
    place: 'database',
    strike: ({ database }) => signalAll(database, 'SIGSTOP'),
  },
  {
    name: 'database crashed',
    explains: 'errors',
    place: 'database',
    strike: async ({ database }) => {
      await database.kill();
      return () => database.start();
    },
  },
  {
    name: 'database restarted',
    explains: 'errors',
    place: 'database',
    strike: async ({ database }) => {
      await database.shutdown('fast');
      return () => database.start();
    },
  },
  ...(
    [
      ['refused', 'refuse', 'errors'],
      ['blackholed', 'blackhole', 'errors'],
      ['slow', { delay: 30 }, 'nothing'],
      ['cut in the middle of messages', { cutAfter: 700 }, 'errors'],
    ] as const
  ).map(([how, fault, explains]): Fault => ({
    name: `network ${how}`,
    explains,
    place: 'network',
    strike: async ({ network }) => {
      await network.set(fault);
      return () => network.set('pass');
    },
  })),
  {
    name: 'log not read',
    explains: 'nothing',
    place: 'log',
    strike: ({ sluice }) => {
      sluice.readLog(false);
      return Promise.resolve(() => {
        sluice.readLog(true);
        return nothing();
      });
    },
  },
  {
    name: 'settings unreadable',
    explains: 'nothing',
    place: 'settings',
    strike: async ({ sluice }) => {
      await sluice.spoilSettings();
      sluice.signal('SIGHUP');
      return () => sluice.rewrite({});
    },
  },
  {
    name: 'descriptors used up',
    explains: 'refusals',
    place: 'clients',
    strike: async ({ address }) => {
      const opened = await Promise.allSettled(
        Array.from({ length: 500 }, () => RawClient.open(address)),
      );
      return () => {
        for (const one of opened) if (one.status === 'fulfilled') one.value.destroy();
        return nothing();
      };
    },
  },
  {
    name: 'flood of bytes before the login',
    explains: 'nothing',
    place: 'clients',
    strike: (scene) =>
      flood(scene, 10, async (client) => {
        client.send(scene.random.bytes(200));
        await client.flushed();
        await delay(5);
      }),
  },
  {
    name: 'flood of Sync and Flush',
    explains: 'nothing',
    place: 'clients',
    strike: (scene) =>
      flood(scene, 2, async (client) => {
        if (client.key === undefined) await client.login();
        client.send(...Array.from({ length: 200 }, () => messages.flush), messages.sync);
        await client.ready();
      }),
  },
  {
    name: 'flood of cancels',
    explains: 'nothing',
    place: 'clients',
    strike: (scene) =>
      flood(scene, 5, async (client) => {
        const secret = scene.random.bytes(4);
        client.send(messages.cancelPacket({ pid: scene.random.below(2 ** 31), secret }));
        await client.closed;
      }),
  },
];
