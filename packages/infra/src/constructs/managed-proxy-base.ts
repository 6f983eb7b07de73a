import { Arn, ArnFormat, Fn, Resource, Stack, type IResource } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { Connections, IConnectable } from 'aws-cdk-lib/aws-ec2';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { PropsError } from './props-error.ts';

/** A managed proxy, created in this app or elsewhere. */
export interface IManagedProxy extends IResource, IConnectable {
  /** @attribute */
  readonly dbProxyName: string;
  /** @attribute */
  readonly dbProxyArn: string;
  /** The host name that clients connect to; the port is 5432. @attribute */
  readonly endpoint: string;
  /**
   * Lets an identity log in with an IAM token.
   * @param dbUser the database user, `*` for all; optional if the proxy has one secret, which names the user
   */
  grantConnect(grantee: IGrantable, dbUser?: string): Grant;
  /** A metric of this proxy in the namespace AWS/RDS. */
  metric(metricName: string, props?: MetricOptions): Metric;
}

/** What is needed to import a proxy. */
export interface ManagedProxyAttributes {
  readonly dbProxyName: string;
  readonly dbProxyArn: string;
  readonly endpoint: string;
  readonly connections: Connections;
}

/** Grants and metrics, the same for created and imported proxies. */
export abstract class ManagedProxyBase extends Resource implements IManagedProxy {
  abstract readonly dbProxyName: string;
  abstract readonly dbProxyArn: string;
  abstract readonly endpoint: string;
  abstract readonly connections: Connections;

  grantConnect(grantee: IGrantable, dbUser?: string): Grant {
    if (dbUser === undefined) {
      throw new PropsError(
        'DbUser',
        "grantConnect needs dbUser: of a proxy that was created elsewhere the users are not known; name one, or '*' for all",
        this,
      );
    }
    // The last part of arn:aws:rds:REGION:ACCOUNT:db-proxy:prx-… is the resource that rds-db:connect is about.
    const resourceName = Fn.select(6, Fn.split(':', this.dbProxyArn));
    const arn = Arn.format(
      {
        service: 'rds-db',
        resource: 'dbuser',
        resourceName: `${resourceName}/${dbUser}`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      },
      Stack.of(this),
    );
    return Grant.addToPrincipal({ grantee, actions: ['rds-db:connect'], resourceArns: [arn] });
  }

  metric(metricName: string, props: MetricOptions = {}): Metric {
    return new Metric({
      namespace: 'AWS/RDS',
      metricName,
      dimensionsMap: { ProxyName: this.dbProxyName },
      statistic: 'Average',
      ...props,
    }).attachTo(this);
  }

  /** Open client connections; the maximum by default. */
  metricClientConnections(props?: MetricOptions): Metric {
    return this.metric('ClientConnections', { statistic: 'Maximum', ...props });
  }

  /** Open database connections. */
  metricDatabaseConnections(props?: MetricOptions): Metric {
    return this.metric('DatabaseConnections', { statistic: 'Maximum', ...props });
  }

  /** Database connections that clients have borrowed. */
  metricDatabaseConnectionsCurrentlyBorrowed(props?: MetricOptions): Metric {
    return this.metric('DatabaseConnectionsCurrentlyBorrowed', { statistic: 'Maximum', ...props });
  }

  /** Client connections that are pinned to a database connection. */
  metricDatabaseConnectionsCurrentlySessionPinned(props?: MetricOptions): Metric {
    return this.metric('DatabaseConnectionsCurrentlySessionPinned', {
      statistic: 'Maximum',
      ...props,
    });
  }

  /** How long clients waited for a database connection, in microseconds. */
  metricDatabaseConnectionsBorrowLatency(props?: MetricOptions): Metric {
    return this.metric('DatabaseConnectionsBorrowLatency', props);
  }
}
