import type { Check, Finding, Subject } from './check.ts';
import { login, role, roleRights, secrets, secretValue } from './checks/access.ts';
import { balancerAddresses } from './checks/balancer.ts';
import { account, callerRights } from './checks/caller.ts';
import { database, vpc } from './checks/database.ts';
import {
  certificate,
  ecsCluster,
  iamLogin,
  image,
  keyAndTopic,
  networkType,
  readers,
  wayOut,
} from './checks/engine.ts';
import { group, paths } from './checks/groups.ts';
import { forceSsl, logGroup, proxyName, quota, share, stackState, tags } from './checks/proxy.ts';
import { addresses, endpointSubnets, subnets } from './checks/subnets.ts';

/** All checks, in the order of their codes. */
export const checks: readonly Check[] = [
  account,
  database,
  vpc,
  subnets,
  addresses,
  group,
  paths,
  role,
  roleRights,
  secrets,
  secretValue,
  login,
  forceSsl,
  proxyName,
  quota,
  logGroup,
  share,
  tags,
  stackState,
  callerRights,
  image,
  certificate,
  wayOut,
  readers,
  iamLogin,
  networkType,
  keyAndTopic,
  ecsCluster,
  endpointSubnets,
  balancerAddresses,
];

/** Runs every check, and reports all problems at once. */
export function preflight(subject: Subject): Finding[] {
  return checks.map(({ code, title, looks, run }) => ({ code, title, looks, ...run(subject) }));
}
