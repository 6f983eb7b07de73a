import type { Duration } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** The properties that both engines have, with the same names. */
export interface SharedProxyProps {
  /**
   * IAM_AUTH: clients log in with IAM tokens, and the proxy logs in to the database with tokens. With SluiceService,
   * the tasks use tokens for users with iamAuth REQUIRED as well: a database user with the role rds_iam cannot log in
   * with a password.
   * @default 'NONE'
   */
  readonly defaultAuthScheme?: 'NONE' | 'IAM_AUTH';
  /** Whether the proxy refuses clients without TLS. @default true */
  readonly requireTLS?: boolean;
  /** Closes a client that has been idle for this long; 1 s to 8 h. @default Duration.minutes(30) */
  readonly idleClientTimeout?: Duration;
  /** Logs the text of statements. @default false */
  readonly debugLogging?: boolean;
  /** How long a client waits for a database connection; 0 to 300 s. @default Duration.seconds(120) */
  readonly borrowTimeout?: Duration;
  /**
   * The maximum number of database connections of all tasks together, in percent of max_connections; 1 to 100. @default
   * 100
   */
  readonly maxConnectionsPercent?: number;
  /** The maximum number of idle ones; 0 to maxConnectionsPercent. @default - half of maxConnectionsPercent */
  readonly maxIdleConnectionsPercent?: number;
  /** SQL that runs once on each new database connection. @default - none */
  readonly initQuery?: string;
  /** The path of the created roles and of their policies. @default '/' */
  readonly rolePath?: string;
  /** The ARN of the permissions boundary of the created roles. @default - none */
  readonly permissionsBoundary?: string;
  /** The longest session of the created roles; AWS's services are not limited by it. @default Duration.hours(1) */
  readonly roleMaxSessionDuration?: Duration;
  /** How long logs are kept. @default RetentionDays.THREE_MONTHS */
  readonly logRetention?: RetentionDays;
  /** The key that encrypts the logs. @default - the service's own */
  readonly logEncryptionKey?: IKey;
  /** Whether the construct creates the log group; false if it exists already. @default true */
  readonly createLogGroup?: boolean;
}
