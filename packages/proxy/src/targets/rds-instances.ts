import type {
  DBInstance,
  DescribeDBInstancesCommand,
  DescribeDBInstancesCommandInput,
  RDSClient,
  RDSClientConfig,
} from '@aws-sdk/client-rds';
import { AwsClients } from '../credentials/aws-clients.ts';
import { Refresher } from '../credentials/refresher.ts';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { events } from '../telemetry/events.ts';
import type { HostPort } from './topology.ts';
import { optionalPackage } from '../credentials/optional-package.ts';
import { namedMessageOf } from '../error-message.ts';

/** The timeout of one call, in milliseconds. */
const timeout = 5000;

/** Instances change rarely, and AWS limits the calls of an account; in milliseconds. */
const interval = 30_000;

/** A query of the RDS API: an instance, or the instances of a cluster. */
interface Wanted {
  /** Name or ARN. */
  readonly identifier: string;
  readonly input: DescribeDBInstancesCommandInput;
}

/**
 * The addresses of the instances that settings name by RDS identifiers. The API returns only addresses; roles come from
 * the database. Only a start without another target waits for it. If a call fails, the last result stays. The AWS SDK
 * is loaded at the first call.
 */
export class RdsInstances {
  readonly #wanted: readonly Wanted[];
  #hostPorts: readonly HostPort[] = [];
  #refresher: Refresher | null = null;
  readonly #services = new AwsClients(open);
  #closed = false;

  constructor({ DBInstanceIdentifier, DBClusterIdentifier }: Settings) {
    const wanted: Wanted[] = [];
    if (DBInstanceIdentifier !== undefined)
      wanted.push({ identifier: DBInstanceIdentifier, input: { DBInstanceIdentifier } });
    if (DBClusterIdentifier !== undefined)
      wanted.push({
        identifier: DBClusterIdentifier,
        input: { Filters: [{ Name: 'db-cluster-id', Values: [DBClusterIdentifier] }] },
      });
    this.#wanted = wanted;
  }

  /** Settings name RDS identifiers. */
  get wanted(): boolean {
    return this.#wanted.length > 0;
  }

  /** The last result of the API. */
  get hostPorts(): readonly HostPort[] {
    return this.#hostPorts;
  }

  /**
   * Calls the API now. Throws RDS_INSTANCES with the reason, and changes nothing, if the call fails or returns none.
   */
  async read(): Promise<void> {
    const hostPorts = await Promise.all(this.#wanted.map((wanted) => this.#describe(wanted)));
    this.#hostPorts = hostPorts.flat();
  }

  /** Calls it at intervals from now on; `now`: also immediately, unless it was called a moment ago. Does not wait. */
  keepUp(now: boolean): void {
    if (!this.wanted || this.#closed) return;
    this.#refresher ??= new Refresher({
      refresh: () => this.read(),
      interval: () => interval,
      failed: (error) => events.targetsNotListed.publish({ why: String(error) }),
    });
    if (now) void this.#refresher.soon();
  }

  /** Ends the intervals and closes the connections to AWS. */
  close(): void {
    this.#closed = true;
    this.#refresher?.stop();
    this.#services.close();
  }

  async #describe({ identifier, input }: Wanted): Promise<readonly HostPort[]> {
    try {
      const { client, Command } = await this.#services.for(identifier);
      const answer = await client.send(new Command(input), {
        abortSignal: AbortSignal.timeout(timeout),
      });
      const hostPorts = (answer.DBInstances ?? []).flatMap(hostPortOf);
      if (hostPorts.length === 0)
        throw new Error(
          'the instance or cluster does not exist, or none of its instances has an address',
        );
      return hostPorts;
    } catch (error) {
      const why = namedMessageOf(error);
      throw new ProxyError('RDS_INSTANCES', { identifier, why }, error);
    }
  }
}

async function open(config: RDSClientConfig): Promise<{
  readonly client: RDSClient;
  readonly Command: typeof DescribeDBInstancesCommand;
}> {
  const { DescribeDBInstancesCommand: Command, RDSClient: Client } = await optionalPackage(
    '@aws-sdk/client-rds',
    () => import('@aws-sdk/client-rds'),
  );
  return { client: new Client(config), Command };
}

/** An instance that is being created has no address. */
function hostPortOf({ Endpoint }: DBInstance): HostPort[] {
  const { Address, Port } = Endpoint ?? {};
  return Address === undefined || Port === undefined ? [] : [{ host: Address, port: Port }];
}
