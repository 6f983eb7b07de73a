import type { IConnectable, ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { IDatabaseCluster, IDatabaseInstance } from 'aws-cdk-lib/aws-rds';

/** The properties of a target in the template. */
export interface ManagedProxyTargetConfig {
  readonly dbInstanceIdentifiers?: string[];
  readonly dbClusterIdentifiers?: string[];
  /** The port of the database, if it is known. @default 5432 */
  readonly port?: number;
  /** The database as a construct, whose security groups are opened to the proxy. @default - none */
  readonly connectable?: IConnectable;
  /** The security groups of a database without a construct; the proxy may connect to them. @default - the whole VPC */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** The resource id (db-… or cluster-…), to which rds-db:connect refers. @default - not known */
  readonly resourceId?: string;
}

/** What is known of a database that is named only by its identifier. */
export interface IdentifiedDatabase {
  /** @default 5432 */
  readonly port?: number;
  /**
   * Its security groups. The proxy may connect to them, and the mutable ones get a rule that admits the proxy.
   * @default - the proxy may connect to the whole VPC on the port; you have to admit it to the database
   */
  readonly securityGroups?: readonly ISecurityGroup[];
  /** Its resource id (db-… or cluster-…); needed with IAM_AUTH. @default - not known */
  readonly resourceId?: string;
}

/** The database behind a proxy: one instance, or one cluster. */
export class ManagedProxyTarget {
  /** An instance of your app, or one imported into it; its security group is opened to the proxy. */
  static fromInstance(instance: IDatabaseInstance): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbInstanceIdentifiers: [instance.instanceIdentifier],
      connectable: instance,
      ...(instance.instanceResourceId === undefined
        ? {}
        : { resourceId: instance.instanceResourceId }),
    });
  }

  /** A cluster of your app, or one imported into it; its security group is opened to the proxy. */
  static fromCluster(cluster: IDatabaseCluster): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbClusterIdentifiers: [cluster.clusterIdentifier],
      connectable: cluster,
      resourceId: cluster.clusterResourceIdentifier,
    });
  }

  /** An existing instance, by its identifier. */
  static fromInstanceIdentifier(
    identifier: string,
    database: IdentifiedDatabase = {},
  ): ManagedProxyTarget {
    return new ManagedProxyTarget({ dbInstanceIdentifiers: [identifier], ...database });
  }

  /** An existing cluster, by its identifier. */
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

  /** What the construct adds to the template. */
  bind(): ManagedProxyTargetConfig {
    return this.#config;
  }
}
