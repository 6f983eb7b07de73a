/** A finding that is right by its letter and wrong here; shown in every report, with the reason. */
export interface ProjectAcknowledgement {
  readonly rule: string;
  /** The construct it holds for; every one when absent. */
  readonly resource?: string;
  readonly reason: string;
}

const balancer = 'Proxy/Sluice/Balancer/Resource';

/** What this project acknowledges for every user of it. */
export const projectAcknowledgements: readonly ProjectAcknowledgement[] = [
  {
    rule: 'NIST.800.53.R5-CloudWatchLogGroupEncrypted',
    reason:
      'CloudWatch Logs encrypts every group with a key of its own; LogKmsKeyArn gives it yours',
  },
  {
    rule: 'AwsSolutions-IAM5',
    resource: 'Proxy/Sluice/ExecutionRole/Policy/Resource',
    reason:
      'ecr:GetAuthorizationToken takes no resource; every other action of the role names its own',
  },
  {
    rule: 'AwsSolutions-IAM5',
    resource: 'Proxy/Sluice/TaskRole/Policy/Resource',
    reason:
      'rds-db:connect is for one database; its users stand in the secrets, which are not read here',
  },
  {
    rule: 'AwsSolutions-ECS2',
    resource: 'Proxy/Sluice/Task/Resource',
    reason: 'the variables are settings and ARNs; passwords and keys come from Secrets Manager',
  },
  {
    rule: 'AwsSolutions-ELB2',
    resource: balancer,
    reason: 'a Network Load Balancer logs TLS listeners only; TLS goes through this one as it is',
  },
  {
    rule: 'NIST.800.53.R5-ELBLoggingEnabled',
    resource: balancer,
    reason: 'a Network Load Balancer logs TLS listeners only; TLS goes through this one as it is',
  },
  {
    rule: 'NIST.800.53.R5-ELBDeletionProtectionEnabled',
    resource: balancer,
    reason:
      'it would keep a failed creation from being rolled back; destroy asks for the name instead',
  },
  {
    rule: 'NIST.800.53.R5-ELBv2ACMCertificateRequired',
    resource: 'Proxy/Sluice/Balancer/Listener/Resource',
    reason:
      'PostgreSQL asks for TLS in its own way, which a balancer does not know; the tasks end it',
  },
  {
    rule: 'NIST.800.53.R5-CloudWatchAlarmAction',
    reason: 'no AlarmTopicArn is given, so the alarms show in the console only',
  },
];
