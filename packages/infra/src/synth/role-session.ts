import { Duration } from 'aws-cdk-lib';
import { inputTable, type Inputs } from '../inputs/table.ts';

/** The longest session of the roles that are made; left out at IAM's own default. */
export function roleSession({ RoleMaxSessionDuration: seconds }: Inputs): {
  readonly roleMaxSessionDuration?: Duration;
} {
  return seconds === inputTable.RoleMaxSessionDuration.default
    ? {}
    : { roleMaxSessionDuration: Duration.seconds(seconds) };
}
