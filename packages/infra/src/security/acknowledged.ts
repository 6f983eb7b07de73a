/** A finding that is right by its letter and wrong here; shown in every report, with the reason. */
export interface ProjectAcknowledgement {
  readonly rule: string;
  readonly reason: string;
}

/** What this project acknowledges for every user of it. */
export const projectAcknowledgements: readonly ProjectAcknowledgement[] = [
  {
    rule: 'NIST.800.53.R5-CloudWatchLogGroupEncrypted',
    reason:
      'CloudWatch Logs encrypts every group with a key of its own; LogKmsKeyArn gives it yours',
  },
];
