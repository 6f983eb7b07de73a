/** List prices in US dollars, us-east-1. Other regions differ, and a plan says so. */
export const prices = {
  /** The date of the prices. */
  date: '2026-11',
  region: 'us-east-1',
  /** RDS Proxy, per vCPU of the database and hour; at least two vCPUs. */
  rdsProxyVcpuHour: 0.015,
  rdsProxyLeastVcpus: 2,
  /** RDS Proxy in front of Aurora Serverless v2, per capacity unit and hour; at least eight units. */
  rdsProxyUnitHour: 0.015,
  rdsProxyLeastUnits: 8,
  /** Fargate on ARM, Linux. */
  fargateVcpuHour: 0.03238,
  fargateGbHour: 0.00356,
  /** Fargate on x86, Linux. */
  fargateX86VcpuHour: 0.04048,
  fargateX86GbHour: 0.004445,
  /** Network Load Balancer, and one of its capacity units (100,000 open connections, or 1 GB per hour). */
  balancerHour: 0.0225,
  balancerUnitHour: 0.006,
  /** The hours of a month in AWS's price calculations. */
  hours: 730,
} as const;
