import { DescribeAddressesCommand, DescribeNetworkInterfacesCommand } from '@aws-sdk/client-ec2';
import type { Clients } from '../aws/clients.ts';
import type { Inputs } from '../inputs/table.ts';
import type { FixedAddress } from './facts.ts';

/** Whether the fixed addresses are Elastic IPs, which make the load balancer reachable from the internet. */
export function areElastic({
  BalancerAddresses: addresses,
}: Pick<Inputs, 'BalancerAddresses'>): boolean {
  return Object.values(addresses).some((address) => address.startsWith('eipalloc-'));
}

/** What AWS knows about these addresses: existing Elastic IPs, or private addresses in use. */
export async function readFixedAddresses(
  clients: Clients,
  inputs: Pick<Inputs, 'BalancerAddresses' | 'vpc_id'>,
): Promise<FixedAddress[]> {
  const Values = Object.values(inputs.BalancerAddresses);
  if (areElastic(inputs)) {
    // With a filter: a request by id would fail for all of them if one is missing.
    const { Addresses = [] } = await clients.ec2.send(
      new DescribeAddressesCommand({ Filters: [{ Name: 'allocation-id', Values }] }),
    );
    return Addresses.map(
      ({ AllocationId = '', AssociationId, NetworkInterfaceId, InstanceId }) => ({
        address: AllocationId,
        ...(AssociationId === undefined
          ? {}
          : { usedBy: InstanceId ?? NetworkInterfaceId ?? AssociationId }),
      }),
    );
  }
  const { NetworkInterfaces = [] } = await clients.ec2.send(
    new DescribeNetworkInterfacesCommand({
      Filters: [
        { Name: 'vpc-id', Values: [inputs.vpc_id] },
        { Name: 'addresses.private-ip-address', Values },
      ],
    }),
  );
  return NetworkInterfaces.flatMap(({ NetworkInterfaceId = '', PrivateIpAddresses = [] }) =>
    PrivateIpAddresses.flatMap(({ PrivateIpAddress: address = '' }) =>
      Values.includes(address) ? [{ address, usedBy: NetworkInterfaceId }] : [],
    ),
  );
}
