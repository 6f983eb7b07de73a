import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { budget, mostTasks } from '../model/budget.ts';
import { PropsError } from './props-error.ts';
import type { SluiceServiceProps } from './sluice-service-props.ts';

/** Whether the daemon logs in to the database with IAM tokens. */
export function usesIam({
  auth = [],
  defaultAuthScheme,
  settings,
}: Pick<SluiceServiceProps, 'auth' | 'defaultAuthScheme' | 'settings'>): boolean {
  return (
    defaultAuthScheme === 'IAM_AUTH' ||
    auth.some(({ iamAuth }) => iamAuth === 'REQUIRED') ||
    settings?.['TargetIamAuth'] === 'true'
  );
}

/** Throws on invalid props: a name that is too long, too few tasks, a connection budget that does not fit. */
export function validateSluiceService(scope: Construct, props: SluiceServiceProps): void {
  const { serviceName, minTasks = 2, maxTasks = 4, maxConnectionsPercent = 100 } = props;
  const fail = (code: string, message: string): never => {
    throw new PropsError(code, message, scope);
  };
  if (
    !Token.isUnresolved(serviceName) &&
    !/^(?=.{1,32}$)[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/.test(serviceName)
  ) {
    fail(
      'ServiceName',
      `serviceName is "${serviceName}"; it must be 1 to 32 letters, digits and single hyphens, a letter first`,
    );
  }
  if (minTasks < 1 || minTasks > maxTasks) {
    fail(
      'Tasks',
      `minTasks is ${minTasks} and maxTasks ${maxTasks}; give 1 <= minTasks <= maxTasks`,
    );
  }
  if ((props.auth ?? []).length === 0 && props.defaultAuthScheme !== 'IAM_AUTH') {
    fail('Auth', 'auth is empty; give one secret at least, or defaultAuthScheme IAM_AUTH');
  }
  if (usesIam(props) && props.target.resourceId === undefined) {
    fail(
      'ResourceId',
      'IAM tokens need target.resourceId, the resource id of the database (db-… or cluster-…)',
    );
  }
  if (usesIam(props) && props.targetTls === 'require') {
    fail('TargetTls', 'targetTls is require; with IAM tokens it must be verify-full');
  }
  if (props.spot !== undefined && props.spot.weight < 1) {
    fail('Spot', `spot.weight is ${props.spot.weight}; give at least 1, or leave spot out`);
  }
  validateAddresses(props, fail);
  const tasks = mostTasks({ MaxTasks: maxTasks });
  if (tasks > maxConnectionsPercent) {
    fail(
      'ConnectionBudget',
      `${tasks} tasks (a rolling deployment doubles maxTasks ${maxTasks}) cannot share ${maxConnectionsPercent} % of max_connections: each needs 1 % at least; lower maxTasks`,
    );
  }
  if (props.target.maxConnections !== undefined) {
    const fit = budget(
      {
        PoolSize: props.poolSize,
        MinTasks: minTasks,
        MaxTasks: maxTasks,
        MaxConnectionsPercent: maxConnectionsPercent,
      },
      props.target.maxConnections,
    );
    if (!fit.fits) {
      fail('ConnectionBudget', `${fit.detail}; ${fit.fix}`);
    }
  }
}

function validateAddresses(
  { balancerAddresses }: SluiceServiceProps,
  fail: (code: string, message: string) => never,
): void {
  if (balancerAddresses === undefined) {
    return;
  }
  const elastic = balancerAddresses.filter(({ allocationId }) => allocationId !== undefined).length;
  if (balancerAddresses.length < 2 || (elastic > 0 && elastic < balancerAddresses.length)) {
    fail(
      'BalancerAddresses',
      `balancerAddresses has ${balancerAddresses.length} subnets, ${elastic} of them with an Elastic IP; give one subnet in each of two or more zones, and an Elastic IP for all of them or for none`,
    );
  }
}
