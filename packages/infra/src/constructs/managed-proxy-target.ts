import type { IDatabaseCluster, IDatabaseInstance } from 'aws-cdk-lib/aws-rds';

/** What a target comes to in the template. */
export interface ManagedProxyTargetConfig {
  readonly dbInstanceIdentifiers?: string[];
  readonly dbClusterIdentifiers?: string[];
  /** The port that the database listens on, when it is known. @default 5432 */
  readonly port?: number;
}

/** The database behind a proxy: one instance, or one cluster. */
export class ManagedProxyTarget {
  /** An instance of your own app, or one imported into it. */
  static fromInstance(instance: IDatabaseInstance): ManagedProxyTarget {
    return new ManagedProxyTarget({ dbInstanceIdentifiers: [instance.instanceIdentifier] });
  }

  /** A cluster of your own app, or one imported into it. */
  static fromCluster(cluster: IDatabaseCluster): ManagedProxyTarget {
    return new ManagedProxyTarget({ dbClusterIdentifiers: [cluster.clusterIdentifier] });
  }

  /** An existing instance, by its identifier alone. */
  static fromInstanceIdentifier(identifier: string, port?: number): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbInstanceIdentifiers: [identifier],
      ...(port === undefined ? {} : { port }),
    });
  }

  /** An existing cluster, by its identifier alone. */
  static fromClusterIdentifier(identifier: string, port?: number): ManagedProxyTarget {
    return new ManagedProxyTarget({
      dbClusterIdentifiers: [identifier],
      ...(port === undefined ? {} : { port }),
    });
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
