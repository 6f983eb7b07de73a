import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** CDK's constant for a number of days; the inputs permit only numbers that have one. */
export function retention(days: number): RetentionDays {
  const named = Object.values(RetentionDays).find(
    (value): value is RetentionDays => Number(value) === days,
  );
  if (named === undefined) {
    throw new RangeError(
      `CloudWatch Logs keeps logs for certain numbers of days only, not ${days}`,
    );
  }
  return named;
}
