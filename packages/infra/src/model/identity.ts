import { createHash } from 'node:crypto';
import { InfraError } from '../errors.ts';
import type { Inputs } from '../inputs/table.ts';
import { baseName } from '../resolve/names.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import { list } from '../values.ts';

/** The properties of a managed proxy that are fixed at its creation, in addition to its name. */
interface Fixed {
  readonly subnetIds: readonly string[];
  readonly endpointNetworkType: string;
  readonly targetNetworkType: string;
}

/** The name of the proxy and its subnets. */
export interface Identity {
  readonly proxyName: string;
  readonly subnetIds: readonly string[];
  /** What the user should know about them. */
  readonly notes: readonly string[];
}

/**
 * Determines name and subnets from the inputs and from what is deployed. CloudFormation cannot replace a resource with
 * a custom name, so a proxy stays in its subnets without `replace`. With `replace` the new proxy has a name with a hash
 * of its fixed properties; CloudFormation creates it and then removes the old one.
 * @throws InfraError INPUTS_INVALID if another fixed property was changed without `replace`
 */
export function settleIdentity(
  inputs: Inputs,
  resolved: Pick<Resolved, 'subnet_ids'>,
  deployed: Readonly<Record<string, unknown>> | undefined,
  replace: boolean,
): Identity {
  const base = baseName(inputs);
  const wanted: Fixed = {
    subnetIds: [...resolved.subnet_ids].sort(),
    endpointNetworkType: inputs.EndpointNetworkType,
    targetNetworkType: inputs.TargetConnectionNetworkType,
  };
  const asWanted = { proxyName: base, subnetIds: wanted.subnetIds, notes: [] };
  const proxy = new Template(deployed).ofType('AWS::RDS::DBProxy')[0]?.properties;
  const name = proxy?.['DBProxyName'];
  if (inputs.engine !== 'rds-proxy' || proxy === undefined || typeof name !== 'string') {
    return asWanted;
  }
  if (name !== base && !new RegExp(`^${base.slice(0, 56)}-[0-9a-f]{6}$`).test(name)) {
    // The inputs have another name: a new proxy with that name, in the requested subnets.
    return asWanted;
  }
  const now: Fixed = {
    subnetIds: list(proxy['VpcSubnetIds']).map(String).sort(),
    endpointNetworkType: text(proxy['EndpointNetworkType'], 'IPV4'),
    targetNetworkType: text(proxy['TargetConnectionNetworkType'], 'IPV4'),
  };
  if (same(now, wanted)) {
    return { ...asWanted, proxyName: name };
  }
  if (replace) {
    return { ...asWanted, proxyName: `${base.slice(0, 56)}-${hash(wanted)}` };
  }
  if (!same({ ...now, subnetIds: [] }, { ...wanted, subnetIds: [] })) {
    throw new InfraError(
      'INPUTS_INVALID',
      `EndpointNetworkType and TargetConnectionNetworkType are fixed at creation (deployed: ${now.endpointNetworkType}, ${now.targetNetworkType}; asked for: ${wanted.endpointNetworkType}, ${wanted.targetNetworkType}); use --replace to get a new proxy with a new endpoint name`,
    );
  }
  return {
    proxyName: name,
    subnetIds: now.subnetIds,
    notes: [
      `vpc_subnet_filter_tag now matches ${wanted.subnetIds.join(', ')}; the proxy stays in ${now.subnetIds.join(', ')}, since its subnets are fixed at creation. --replace makes a new proxy there, WITH A NEW ENDPOINT NAME`,
    ],
  };
}

function same(a: Fixed, b: Fixed): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function hash(fixed: Fixed): string {
  return createHash('sha256').update(JSON.stringify(fixed)).digest('hex').slice(0, 6);
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
