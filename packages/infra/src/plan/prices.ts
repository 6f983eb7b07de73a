/** List prices in US dollars, us-east-1. Other regions differ; a plan says so. */
export const prices = {
  /** When they were written down. */
  date: '2026-11',
  region: 'us-east-1',
  /** RDS Proxy, for each vCPU of the database and hour; two vCPUs are the least. */
  rdsProxyVcpuHour: 0.015,
  rdsProxyLeastVcpus: 2,
  /** RDS Proxy in front of Aurora Serverless v2, for each capacity unit and hour; eight are the least. */
  rdsProxyUnitHour: 0.015,
  rdsProxyLeastUnits: 8,
  /** Fargate on ARM, Linux. */
  fargateVcpuHour: 0.03238,
  fargateGbHour: 0.00356,
  /** Fargate on x86, Linux. */
  fargateX86VcpuHour: 0.04048,
  fargateX86GbHour: 0.004445,
  /** Network Load Balancer, and one of its capacity units (100,000 open connections, or 1 GB an hour). */
  balancerHour: 0.0225,
  balancerUnitHour: 0.006,
  /** The hours that AWS counts for a month. */
  hours: 730,
} as const;
