/* A client that floods until it is killed: `node bench/fairness/flood.ts KIND ADDRESS`, the address as JSON. */
import { setTimeout as delay } from 'node:timers/promises';
import * as messages from '../../test/helpers/messages.ts';
import { RawClient } from '../../test/helpers/raw-client.ts';
import type { Address } from '../../test/helpers/raw-client.ts';

const [, , kind = '', json = '{}'] = process.argv;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from the program that starts this one
const address = JSON.parse(json) as Address & { readonly folder: string };

/** Repeats the same messages on one connection, many in each write; responses are discarded. */
async function pour(bytes: Buffer): Promise<never> {
  const client = await RawClient.login(address);
  client.reader.discard = true;
  for (;;) {
    client.send(bytes);
    await client.flushed();
    while ((await client.next(1).catch(() => null)) !== null);
  }
}

const repeat = (message: Buffer, times: number): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => message));

/** Keeps this many running: when one ends, the next starts. */
async function crowd(count: number, one: () => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (;;) await one().catch(() => delay(1));
    }),
  );
}

/** Logs in with a wrong password; leaves soon, because the proxy delays the refusals of those who guess. */
async function guess(where: Address): Promise<void> {
  const client = await RawClient.open(where);
  const refused = client.login({ password: 'wrong' }).catch(() => undefined);
  await Promise.race([refused, delay(100, undefined, { ref: false })]);
  client.destroy();
}

const floods: Readonly<Record<string, () => Promise<unknown>>> = {
  sync: () => pour(repeat(messages.sync, 10_000)),
  flush: () => pour(repeat(messages.flush, 10_000)),
  pipeline: () => pour(repeat(messages.query('SELECT 1'), 5000)),
  'tiny packets': async () => {
    const client = await RawClient.login(address);
    client.reader.discard = true;
    const message = messages.query("SELECT '0123456789'");
    for (;;) {
      for (const byte of message) await client.sendSplit(Buffer.of(byte), 0);
      await client.ready();
    }
  },
  cancels: async () => {
    const client = await RawClient.login(address);
    await crowd(20, () => client.cancel());
  },
  logins: () =>
    crowd(5, async () => {
      const client = await RawClient.login(address);
      client.destroy();
    }),
  'wrong passwords': () => crowd(50, () => guess(address)),
  // Where a password may be sent in clear.
  'wrong passwords in clear': () => crowd(50, () => guess({ ...address, host: address.folder })),
  'TLS handshakes': () =>
    crowd(50, async () => {
      const client = await RawClient.open(address);
      await client.negotiate(messages.sslRequest);
      await client.startTls({ rejectUnauthorized: false });
      client.destroy();
    }),
};
await floods[kind]?.();
