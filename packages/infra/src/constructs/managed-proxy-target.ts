import type { IConnectable, ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { IDatabaseCluster, IDatabaseInstance } from 'aws-cdk-lib/aws-rds';

/** What a target comes to in the template. */
export interface ManagedProxyTargetConfig {
  readonly dbInstanceIdentifiers?: string[];
  readonly dbClusterIdentifiers?: string[];
  /** The port that the database listens on, when it is known. @default 5432 */
  readonly port?: number;
  /** The database as a construct, whose groups are opened to the proxy. @default - none */
  readonly connectable?: IConnectable;
  /** The groups of a database that is no construct; the proxy may go out to them. @default - the whole VPC */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** The resource id (db-… or cluster-…), to which rds-db:connect refers. @default - not known */
  readonly resourceId?: string;
}

/** What is known of a database that is named by its identifier alone. */
export interface IdentifiedDatabase {
  /** @default 5432 */
  readonly port?: number;
  /**
   * Its security groups. The proxy may go out to them; those that are mutable let it in, too.
   * @default - the proxy may go out to the whole VPC on the port; letting it in is yours to do
   */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** Its resource id (db-… or cluster-…); needed with IAM_AUTH. @default - not known */
  readonly resourceId?: string;
}

/** The database behind a proxy: one instance, or one cluster. */
export class ManagedProxyTarget {
  /** An instance of your own app, or one imported into it; its security group is opened to the proxy. */
  static fromInstance(instance: IDatabaseInstance): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbInstanceIdentifiers: [instance.instanceIdentifier],
      connectable: instance,
      ...(instance.instanceResourceId === undefined
        ? {}
        : { resourceId: instance.instanceResourceId }),
    });
  }

  /** A cluster of your own app, or one imported into it; its security group is opened to the proxy. */
  static fromCluster(cluster: IDatabaseCluster): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbClusterIdentifiers: [cluster.clusterIdentifier],
      connectable: cluster,
      resourceId: cluster.clusterResourceIdentifier,
    });
  }

  /** An existing instance, by its identifier alone. */
  static fromInstanceIdentifier(
    identifier: string,
    database: IdentifiedDatabase = {},
  ): ManagedProxyTarget {
    return new ManagedProxyTarget({ dbInstanceIdentifiers: [identifier], ...database });
  }

  /** An existing cluster, by its identifier alone. */
  static fromClusterIdentifier(
    identifier: string,
    database: IdentifiedDatabase = {},
  ): ManagedProxyTarget {
    return new ManagedProxyTarget({ dbClusterIdentifiers: [identifier], ...database });
  }

  readonly #config: ManagedProxyTargetConfig;

  private constructor(config: ManagedProxyTargetConfig) {
    this.#config = config;
  }

  /** What the construct puts into the template. */
  bind(): ManagedProxyTargetConfig {
    return this.#config;
  }
}
