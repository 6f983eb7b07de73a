import type { Inputs } from '../inputs/table.ts';

/** The proxy's name unless a replacement had to take another one. */
export function baseName(inputs: Pick<Inputs, 'DBProxyName' | 'rds_instance_id'>): string {
  return inputs.DBProxyName ?? inputs.rds_instance_id;
}

/** The stack of these inputs; the same for both engines, so that moving between them is an update. */
export function stackName(inputs: Pick<Inputs, 'StackName' | 'rds_instance_id'>): string {
  return inputs.StackName ?? `sluice-${inputs.rds_instance_id}`;
}

/** Where RDS Proxy writes its logs; the name is AWS's, not ours. */
export function proxyLogGroup(proxyName: string): string {
  return `/aws/rds/proxy/${proxyName}`;
}

/** Where Sluice's tasks write theirs. */
export function serviceLogGroup(proxyName: string): string {
  return `/sluice/${proxyName}`;
}
