export { DnsName, dnsTimeToLive } from './dns-name.ts';
export { TestkitStage } from './testkit-stage.ts';
export type { FailoverTimes, StageOptions } from './testkit-stage.ts';
export { ProxyProcess } from './proxy-process.ts';
