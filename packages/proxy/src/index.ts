export { errorKinds, ProxyError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export type { PinReason } from './pinning/pin-reason.ts';
export { startProxy } from './proxy.ts';
export type { ReloadResult, RunningProxy } from './proxy.ts';
export type {
  ClientCount,
  EndpointStatus,
  PinStatus,
  PoolStatus,
  ProxyStatus,
  TargetStatus,
  WaitStatus,
} from './admin/status.ts';
export { events } from './telemetry/events.ts';
export type { EventChannel } from './telemetry/events.ts';
export type { ConnectionEvent, EventName, EventPayloads } from './telemetry/event-payloads.ts';
export { logFlushed } from './telemetry/logger.ts';
export { caught } from './io/guard.ts';
export type { TargetRole } from './targets/role-pools.ts';
export type { TargetState, UnavailableReason } from './targets/target-state.ts';
export type { ReportedFailover } from './targets/failover-history.ts';
