import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Client } from 'pg';
import { frugal } from '../../../../test/helpers/database.ts';
import { FaultProxy, failOver, repairCluster, startCluster } from '../../src/index.ts';
import type { Cluster } from '../../src/index.ts';

const templates = path.resolve(import.meta.dirname, '../../../../.cache/postgres-templates');

suite('a cluster behind a network with faults', () => {
  let cluster: Cluster;
  let network: FaultProxy;
  before(async () => {
    cluster = await startCluster({
      templates,
      password: 'lab',
      synchronous: true,
      parameters: frugal,
    });
    network = await FaultProxy.start(cluster.primary);
  });
  after(async () => {
    await network.stop();
    await cluster.stop();
  });

  /** A client through the network. The test itself handles its errors between statements. */
  async function connect(): Promise<Client> {
    const { user, password, database } = cluster.primary;
    const { host, port } = network;
    const client = new Client({ host, port, user, password, database, query_timeout: 300 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  test('passes, refuses and passes again', async () => {
    const client = await connect();
    assert.equal((await client.query('SELECT 1')).rowCount, 1);
    await network.set('refuse');
    await assert.rejects(client.query('SELECT 1'));
    await assert.rejects(connect(), { code: 'ECONNREFUSED' });
    await network.set('pass');
    const next = await connect();
    await next.end();
  });

  test('resets existing connections, and lets new ones through', async () => {
    const client = await connect();
    network.reset();
    await assert.rejects(client.query('SELECT 1'));
    const next = await connect();
    await next.end();
  });

  test('drops everything, and delivers it when the cable is connected again', async () => {
    const client = await connect();
    await network.set('blackhole');
    await assert.rejects(client.query('SELECT 1'), /timeout/);
    await network.set('pass');
    await client.end();
  });

  test('delays each direction', async () => {
    const client = await connect();
    await network.set({ delay: 50 });
    const began = performance.now();
    await client.query('SELECT 1');
    assert(performance.now() - began >= 99);
    await network.set('pass');
    await client.end();
  });

  test('cuts after a number of bytes, in the middle of a message', async () => {
    const client = await connect();
    await network.set({ cutAfter: 1000 });
    await assert.rejects(client.query("SELECT repeat('x', 5000)"));
    await network.set('pass');
    const next = await connect();
    await next.end();
    assert.equal(network.connections, 0);
  });

  test('fails over, and the former primary follows the new one', async () => {
    const [first, second] = cluster.servers;
    assert(first !== undefined && second !== undefined);
    await cluster.primary.query('CREATE TABLE kept AS SELECT 1 AS id');
    const means = { network: () => network, pause: async () => {}, resume: async () => {} };
    assert.equal(await failOver(cluster, 'kill', means), first);
    assert.equal(cluster.primary, second);
    await repairCluster(cluster, first, network);
    await cluster.primary.query('INSERT INTO kept VALUES (2)');
    await cluster.caughtUp();
    assert.deepEqual(await first.query('SELECT id, pg_is_in_recovery() AS standby FROM kept'), [
      { id: 1, standby: true },
      { id: 2, standby: true },
    ]);
  });
});
