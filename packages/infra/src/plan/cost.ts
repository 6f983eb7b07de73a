import type { Inputs } from '../inputs/table.ts';
import { prices } from './prices.ts';

/** One engine's cost of a month. */
export interface Cost {
  readonly engine: Inputs['engine'];
  /** US dollars; undefined when the database's size is not known. */
  readonly month?: number;
  readonly parts: readonly string[];
}

/** Both engines side by side. */
export interface CostComparison {
  readonly date: string;
  readonly region: string;
  readonly costs: readonly Cost[];
  readonly note: string;
}

/**
 * What a month costs. RDS Proxy goes by the size of the database, Sluice by the size of its tasks.
 * @param vcpus of the database's class
 */
export function compareCost(
  inputs: Pick<Inputs, 'TaskCpu' | 'TaskMemory' | 'MinTasks'>,
  vcpus: number | undefined,
): CostComparison {
  return {
    date: prices.date,
    region: prices.region,
    costs: [managedCost(vcpus), sluiceCost(inputs)],
    note: `list prices of ${prices.region}, ${prices.date}; other regions cost up to a third more. Not counted: logs, traffic between zones, and for sluice VPC endpoints when the subnets have no way out, and tasks above MinTasks`,
  };
}

function managedCost(vcpus: number | undefined): Cost {
  const { rdsProxyVcpuHour: price, rdsProxyLeastVcpus: least, hours } = prices;
  if (vcpus === undefined) {
    return {
      engine: 'rds-proxy',
      parts: [`$${price} for each vCPU of the database and hour; its vCPUs are not known`],
    };
  }
  const counted = Math.max(least, vcpus);
  return {
    engine: 'rds-proxy',
    month: dollars(counted * price * hours),
    parts: [`${counted} vCPU of the database × $${price} × ${hours} h`],
  };
}

function sluiceCost(inputs: Pick<Inputs, 'TaskCpu' | 'TaskMemory' | 'MinTasks'>): Cost {
  const { fargateVcpuHour, fargateGbHour, balancerHour, balancerUnitHour, hours } = prices;
  const vcpu = inputs.TaskCpu / 1024;
  const gb = inputs.TaskMemory / 1024;
  const tasks = inputs.MinTasks * (vcpu * fargateVcpuHour + gb * fargateGbHour) * hours;
  const balancer = (balancerHour + balancerUnitHour) * hours;
  return {
    engine: 'sluice',
    month: dollars(tasks + balancer),
    parts: [
      `${inputs.MinTasks} tasks of ${vcpu} vCPU and ${gb} GB (ARM): $${dollars(tasks)}`,
      `Network Load Balancer with one capacity unit: $${dollars(balancer)}`,
    ],
  };
}

function dollars(amount: number): number {
  return Math.round(amount * 100) / 100;
}
