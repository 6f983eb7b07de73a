import type { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** What either engine can be told, by the same names. */
export interface SharedProxyProps {
  /**
   * IAM_AUTH: clients log in with IAM tokens, and the proxy logs in to the database with tokens. With SluiceService, users
   * with iamAuth REQUIRED have the tasks use tokens as well: a database user with the role rds_iam cannot log in with a
   * password.
   * @default 'NONE'
   */
  readonly defaultAuthScheme?: 'NONE' | 'IAM_AUTH';
  /** Whether clients without TLS are refused. @default true */
  readonly requireTLS?: boolean;
  /** Closes a client that has been idle for this long; 1 s to 8 h. @default Duration.minutes(30) */
  readonly idleClientTimeout?: Duration;
  /** Logs the text of statements. @default false */
  readonly debugLogging?: boolean;
  /** How long a client waits for a database connection; 0 to 300 s. @default Duration.seconds(120) */
  readonly borrowTimeout?: Duration;
  /** The most database connections, of all tasks together, as a share of max_connections; 1 to 100. @default 100 */
  readonly maxConnectionsPercent?: number;
  /** The most idle ones that are kept; 0 to maxConnectionsPercent. @default - half of maxConnectionsPercent */
  readonly maxIdleConnectionsPercent?: number;
  /** SQL that runs once on each new database connection. @default - none */
  readonly initQuery?: string;
  /** The path of the roles that are made, and of their policies. @default '/' */
  readonly rolePath?: string;
  /** The ARN of the permissions boundary of the roles that are made. @default - none */
  readonly permissionsBoundary?: string;
  /** The longest session of the roles that are made; AWS's services are not limited by it. @default Duration.hours(1) */
  readonly roleMaxSessionDuration?: Duration;
  /** How long logs are kept. @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** The key that encrypts the logs. @default - the service's own */
  readonly logEncryptionKey?: IKey;
  /** Whether the log group is made here; not when it is there already. @default true */
  readonly createLogGroup?: boolean;
}
