/** A finding that does not apply here although the rule is broken; every report shows it with the reason. */
export interface ProjectAcknowledgement {
  readonly rule: string;
  /** The construct that it applies to; every construct if absent. */
  readonly resource?: string;
  readonly reason: string;
}

const balancer = 'Proxy/Sluice/Balancer/Resource';

/** What this project acknowledges for all users. */
export const projectAcknowledgements: readonly ProjectAcknowledgement[] = [
  {
    rule: 'NIST.800.53.R5-CloudWatchLogGroupEncrypted',
    reason:
      'CloudWatch Logs encrypts every group with its own key; LogKmsKeyArn makes it use yours',
  },
  {
    rule: 'AwsSolutions-IAM5',
    resource: 'Proxy/Sluice/ExecutionRole/Policy/Resource',
    reason:
      'ecr:GetAuthorizationToken cannot be limited to a resource; every other action of the role is',
  },
  {
    rule: 'AwsSolutions-IAM5',
    resource: 'Proxy/Sluice/TaskRole/Policy/Resource',
    reason:
      'rds-db:connect is limited to one database; its users are named in the secrets, which are not read here. The actions of ECS Exec, where it is on, take no resource',
  },
  {
    rule: 'AwsSolutions-IAM5',
    resource: 'Proxy/Role/Policy/Resource',
    reason:
      'rds-db:connect is limited to one database; with IAM on both legs the proxy logs in as the client’s user',
  },
  {
    rule: 'AwsSolutions-ECS2',
    resource: 'Proxy/Sluice/Task/Resource',
    reason: 'the variables are settings and ARNs; passwords and keys come from Secrets Manager',
  },
  {
    rule: 'AwsSolutions-ELB2',
    resource: balancer,
    reason: 'a Network Load Balancer logs TLS listeners only; this one passes TLS through',
  },
  {
    rule: 'NIST.800.53.R5-ELBLoggingEnabled',
    resource: balancer,
    reason: 'a Network Load Balancer logs TLS listeners only; this one passes TLS through',
  },
  {
    rule: 'NIST.800.53.R5-ELBDeletionProtectionEnabled',
    resource: balancer,
    reason: 'it would prevent the rollback of a failed creation; destroy asks for the name instead',
  },
  {
    rule: 'NIST.800.53.R5-ELBv2ACMCertificateRequired',
    resource: 'Proxy/Sluice/Balancer/Listener/Resource',
    reason:
      'PostgreSQL negotiates TLS in its own protocol, which a balancer does not speak; the tasks terminate it',
  },
  {
    rule: 'NIST.800.53.R5-CloudWatchAlarmAction',
    reason: 'no AlarmTopicArn is given, so the alarms show in the console only',
  },
];
