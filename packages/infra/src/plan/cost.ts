import type { Inputs } from '../inputs/table.ts';
import { prices } from './prices.ts';

/** The monthly cost of one engine. */
export interface Cost {
  readonly engine: Inputs['engine'];
  /** US dollars; undefined if the size of the database is not known. */
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

/** The size that RDS Proxy is billed by. */
export interface DatabaseSize {
  /** Of the database's class; undefined if it is not known. */
  readonly vcpus?: number | undefined;
  /** The number of instances in the cluster, each of which counts. @default 1 */
  readonly members?: number | undefined;
  /** The maximum capacity units of Serverless v2. @default - it is not serverless */
  readonly serverlessMax?: number | undefined;
}

/** What the price of the tasks depends on. */
type Tasks = Pick<
  Inputs,
  'TaskCpu' | 'TaskMemory' | 'MinTasks' | 'CpuArchitecture' | 'FargateSpotWeight'
>;

/** The monthly cost. RDS Proxy is billed by the size of the database, Sluice by the size of its tasks. */
export function compareCost(inputs: Tasks, database: DatabaseSize): CostComparison {
  return {
    date: prices.date,
    region: prices.region,
    costs: [managedCost(database), sluiceCost(inputs)],
    note: `list prices of ${prices.region}, ${prices.date}; other regions differ, some by more than a third. Not counted: logs, traffic between zones, and for sluice Container Insights and its two metrics of a task (custom metrics), alarms, the dashboard, VPC endpoints when the subnets have no way out, and tasks above MinTasks`,
  };
}

function managedCost({ vcpus, members = 1, serverlessMax }: DatabaseSize): Cost {
  const { rdsProxyVcpuHour, rdsProxyLeastVcpus, rdsProxyUnitHour, rdsProxyLeastUnits, hours } =
    prices;
  if (serverlessMax !== undefined) {
    const units = Math.max(rdsProxyLeastUnits, serverlessMax);
    return {
      engine: 'rds-proxy',
      month: dollars(units * rdsProxyUnitHour * hours),
      parts: [
        `at most ${units} capacity units of Serverless v2 (${rdsProxyLeastUnits} are the least) × $${rdsProxyUnitHour} × ${hours} h`,
      ],
    };
  }
  if (vcpus === undefined) {
    return {
      engine: 'rds-proxy',
      parts: [
        `$${rdsProxyVcpuHour} for each vCPU of the database and hour; its vCPUs are not known`,
      ],
    };
  }
  const counted = Math.max(rdsProxyLeastVcpus, vcpus) * Math.max(1, members);
  const whose = members > 1 ? `of the ${members} instances of the cluster` : 'of the database';
  return {
    engine: 'rds-proxy',
    month: dollars(counted * rdsProxyVcpuHour * hours),
    parts: [`${counted} vCPU ${whose} × $${rdsProxyVcpuHour} × ${hours} h`],
  };
}

function sluiceCost(inputs: Tasks): Cost {
  const { balancerHour, balancerUnitHour, hours } = prices;
  const x86 = inputs.CpuArchitecture === 'X86_64';
  const vcpuHour = x86 ? prices.fargateX86VcpuHour : prices.fargateVcpuHour;
  const gbHour = x86 ? prices.fargateX86GbHour : prices.fargateGbHour;
  const vcpu = inputs.TaskCpu / 1024;
  const gb = inputs.TaskMemory / 1024;
  const tasks = inputs.MinTasks * (vcpu * vcpuHour + gb * gbHour) * hours;
  const balancer = (balancerHour + balancerUnitHour) * hours;
  return {
    engine: 'sluice',
    month: dollars(tasks + balancer),
    parts: [
      `${inputs.MinTasks} tasks of ${vcpu} vCPU and ${gb} GB (${x86 ? 'x86' : 'ARM'}): $${dollars(tasks)}${inputs.FargateSpotWeight > 0 ? ', counted as on demand: the price of Fargate Spot changes, and is lower' : ''}`,
      `Network Load Balancer with one capacity unit: $${dollars(balancer)}`,
    ],
  };
}

function dollars(amount: number): number {
  return Math.round(amount * 100) / 100;
}
