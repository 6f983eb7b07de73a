export { errorKinds, ProxyError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { startProxy } from './proxy.ts';
export type { ReloadResult, RunningProxy } from './proxy.ts';
export type { ToldFailover } from './target/failover-story.ts';
