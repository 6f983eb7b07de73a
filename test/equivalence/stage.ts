import { createHash } from 'node:crypto';
import { startProxy } from '@sluice/proxy';
import type { RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Postgres } from '@sluice/lab';
import { startDatabase } from '../helpers/database.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { Lane, addressOf, connectTo } from './lane.ts';
import type { Side } from './lane.ts';
import type { Connect } from './player.ts';
import { reusing } from './reuse.ts';
import { customParameters, rolesSql, schemaSql } from './world.ts';

/** The database that all others are copied from. */
const template = 'template_shop';

/** A database server with the world of the scripts, and what runs before it. */
export class Stage {
  readonly server: Postgres;
  readonly #closers: (() => Promise<void>)[] = [];
  #databases = 0;
  #copying: Promise<unknown> = Promise.resolve();

  private constructor(server: Postgres) {
    this.server = server;
  }

  static async open(): Promise<Stage> {
    // Whoever connects is believed: logins are most of what a short script costs, and tested elsewhere.
    const server = await startDatabase({
      auth: 'trust',
      maxConnections: 200,
      database: template,
      parameters: customParameters,
    });
    const client = await RawClient.login(addressOf(server, template));
    await client.rows(rolesSql + schemaSql);
    await client.end();
    return new Stage(server);
  }

  /** A lane from direct connections to a proxy of its own, whose pool has so many connections. */
  async pooledLane(connections: number): Promise<Lane> {
    const direct = await this.usedSide();
    const database = await this.#copy();
    let stop = (): Promise<void> => Promise.resolve();
    const renew = async (): Promise<Connect> => {
      await stop();
      const proxy = await this.#startProxy(connections);
      stop = () => proxy.stop();
      const endpoint = proxy.endpoints[0];
      if (endpoint === undefined) throw new Error('the proxy has no endpoint');
      const { host, port } = endpoint;
      const address = { ...addressOf(this.server, database), host, port };
      await teach(address);
      return connectTo(address);
    };
    this.#closers.push(() => stop());
    return this.lane(direct, { connect: await renew(), database, renew }, connections);
  }

  /** Direct connections to a new database. */
  async directSide(): Promise<Side> {
    const database = await this.#copy();
    return { connect: connectTo(addressOf(this.server, database)), database };
  }

  /** Direct connections to a new database that are used again after DISCARD ALL. */
  async usedSide(): Promise<Side> {
    const { connect, database } = await this.directSide();
    return { connect: reusing(connect), database };
  }

  async lane(expected: Side, got: Side, connections: number): Promise<Lane> {
    const lane = await Lane.open(this.server, expected, got, connections);
    this.#closers.push(() => lane.close());
    return lane;
  }

  /** One after the other: nobody else may be connected to the template while it is copied. */
  #copy(): Promise<string> {
    this.#databases += 1;
    const name = `copy_${this.#databases}`;
    const copied = this.#copying.then(async () => {
      const client = await RawClient.login(addressOf(this.server, 'postgres'));
      await client.rows(`CREATE DATABASE ${name} TEMPLATE ${template}`);
      await client.end();
      return name;
    });
    this.#copying = copied;
    return copied;
  }

  #startProxy(connections: number): Promise<RunningProxy> {
    const { host, port, user, password } = this.server;
    return startProxy(
      createSettings({
        ListenPort: 0,
        AdminPort: 0,
        TargetHost: host,
        TargetPort: port,
        PoolSize: connections,
        // Nobody has to wait for long; who does is told, and shows as a difference.
        ConnectionBorrowTimeout: 5,
        LogLevel: 'fatal',
        // MD5 costs a client less than SCRAM.
        Users: [{ UserName: user, Verifier: `md5${md5(password + user)}` }],
      }),
    );
  }

  async close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    await this.server.stop('immediate');
  }
}

/**
 * What a proxy must have seen before it answers exactly (docs/pinning.md, "What a session can tell"): that these
 * applications, the names that sessions of scripts give themselves, use currval() or lastval(), and that the procedure
 * leaves something.
 */
async function teach(address: Address): Promise<void> {
  for (const name of ['', 'web', 'job', 'till', 'desk 2', 'other']) {
    const client = await RawClient.login(address, { parameters: { application_name: name } });
    await client.query('SELECT lastval()');
    await client.end();
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
