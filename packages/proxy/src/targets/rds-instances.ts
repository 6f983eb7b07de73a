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

/** How long one call may take, in milliseconds. */
const timeout = 5000;

/** Instances come and go slowly, and AWS limits the calls of an account; in milliseconds. */
const interval = 30_000;

/** What the RDS API is asked for: an instance, or the instances of a cluster. */
interface Wanted {
  /** Name or ARN. */
  readonly identifier: string;
  readonly input: DescribeDBInstancesCommandInput;
}

/**
 * Where the instances are that settings name by their RDS identifiers. The API tells addresses only; roles are asked of
 * the database. Nobody waits for it but a start that has no other target; what it told last stays when it fails. The
 * AWS SDK is loaded when it is first asked, and only then.
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

  /** Settings name any. */
  get wanted(): boolean {
    return this.#wanted.length > 0;
  }

  /** What the API told last. */
  get hostPorts(): readonly HostPort[] {
    return this.#hostPorts;
  }

  /** Asks now. Throws RDS_INSTANCES with the reason, and changes nothing, when it cannot be asked or knows none. */
  async read(): Promise<void> {
    const hostPorts = await Promise.all(this.#wanted.map((wanted) => this.#describe(wanted)));
    this.#hostPorts = hostPorts.flat();
  }

  /** Has it asked from now on at intervals; `now`: also now, unless that was done a moment ago. Waits for nothing. */
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
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
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

/** One that is still being made has no address. */
function hostPortOf({ Endpoint }: DBInstance): HostPort[] {
  const { Address, Port } = Endpoint ?? {};
  return Address === undefined || Port === undefined ? [] : [{ host: Address, port: Port }];
}
