import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ManagedProxyProps } from './managed-proxy-props.ts';
import { PropsError } from './props-error.ts';

/** Throws on props that RDS would refuse, with the given and the allowed values. */
export function validateManagedProxy(
  scope: Construct,
  name: string,
  props: ManagedProxyProps,
): void {
  const { maxConnectionsPercent: most = 100, maxIdleConnectionsPercent: idle } = props;
  const fail = (code: string, message: string): never => {
    throw new PropsError(code, message, scope);
  };
  if (
    !Token.isUnresolved(name) &&
    (!/^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/.test(name) || name.length > 63)
  ) {
    fail(
      'DbProxyName',
      `dbProxyName is "${name}"; it must be 1 to 63 letters, digits and single hyphens, a letter first`,
    );
  }
  within(fail, 'maxConnectionsPercent', most, 1, 100);
  within(fail, 'maxIdleConnectionsPercent', idle ?? 0, 0, most);
  within(fail, 'borrowTimeout (seconds)', props.borrowTimeout?.toSeconds() ?? 120, 0, 300);
  within(
    fail,
    'idleClientTimeout (seconds)',
    props.idleClientTimeout?.toSeconds() ?? 1800,
    1,
    28_800,
  );
  const users = props.auth?.length ?? 0;
  if (users === 0 && props.defaultAuthScheme !== 'IAM_AUTH') {
    fail('Auth', 'auth is empty; give one secret at least, or defaultAuthScheme IAM_AUTH');
  }
  if (
    props.defaultAuthScheme === 'IAM_AUTH' &&
    props.role === undefined &&
    props.target.bind().resourceId === undefined
  ) {
    fail(
      'ResourceId',
      'with IAM_AUTH the role needs rds-db:connect on the database: give its resourceId with the target (db-… or cluster-…), or a role',
    );
  }
  if (users > 200) {
    fail('Auth', `auth has ${users} entries; RDS Proxy accepts at most 200`);
  }
}

function within(
  fail: (code: string, message: string) => never,
  name: string,
  value: number,
  least: number,
  most: number,
): void {
  if (!Token.isUnresolved(value) && (value < least || value > most)) {
    fail('OutOfRange', `${name} is ${value}; it must be ${least} to ${most}`);
  }
}
