import {
  isBoolean,
  isNumber,
  isString,
  listOf,
  objectOf,
  oneOf,
  optional,
  orNull,
} from '../json.ts';
import type { Guard } from '../json.ts';
import { PinReason } from '../pinning/pin-reason.ts';
import type { ReportedFailover } from '../targets/failover-history.ts';
import type { TargetRole } from '../targets/role-pools.ts';
import { TargetState } from '../targets/target-state.ts';
import type {
  ClientCount,
  EndpointStatus,
  PinStatus,
  PoolStatus,
  ProxyStatus,
  TargetStatus,
  WaitStatus,
} from './status.ts';

/*
 * Checks of the responses of the admin port, for the commands that read them.
 */

const isRole: Guard<TargetRole> = oneOf(['READ_WRITE', 'READ_ONLY']);

const isClientCount: Guard<ClientCount> = objectOf<ClientCount>({
  arriving: isNumber,
  idle: isNumber,
  waiting: isNumber,
  active: isNumber,
  pinned: isNumber,
});

const isEndpoint: Guard<EndpointStatus> = objectOf<EndpointStatus>({
  name: isString,
  role: isRole,
  clients: isClientCount,
});

const isPool: Guard<PoolStatus> = objectOf<PoolStatus>({
  role: isRole,
  database: isString,
  user: isString,
  sessions: isNumber,
  limit: isNumber,
  open: isNumber,
  idle: isNumber,
  opening: isNumber,
  waiting: isNumber,
  waitingSeconds: isNumber,
  queries: isNumber,
});

const isTarget: Guard<TargetStatus> = objectOf<TargetStatus>({
  name: isString,
  state: oneOf(Object.values(TargetState)),
  reason: orNull(isString),
  role: oneOf(['READ_WRITE', 'READ_ONLY', 'UNKNOWN']),
  drained: isBoolean,
  lagSeconds: orNull(isNumber),
  borrowed: isNumber,
  used: isNumber,
  allowed: isNumber,
});

const isPin: Guard<PinStatus> = objectOf<PinStatus>({
  reason: oneOf(Object.values(PinReason)),
  statement: isString,
  pins: isNumber,
});

const isWait: Guard<WaitStatus> = objectOf<WaitStatus>({
  borrows: isNumber,
  median: orNull(isNumber),
  p99: orNull(isNumber),
});

/** The response to GET `/status`. */
export const isProxyStatus: Guard<ProxyStatus> = objectOf<ProxyStatus>({
  startedAt: isString,
  readAt: isString,
  pid: isNumber,
  paused: isBoolean,
  draining: isBoolean,
  endpoints: listOf(isEndpoint),
  pools: listOf(isPool),
  targets: listOf(isTarget),
  pins: listOf(isPin),
  waits: isWait,
});

/** An entry of the failover history in GET `/targets`. */
export const isFailover: Guard<ReportedFailover> = objectOf<ReportedFailover>({
  failureSignal: orNull(isString),
  failureSignalAt: orNull(isString),
  formerWriter: isString,
  why: isString,
  detectedAt: isString,
  writer: orNull(isString),
  writerFoundAt: orNull(isString),
  waiting: isNumber,
  firstServedAt: orNull(isString),
});

/** The part of GET `/targets` that has the failover history. */
export const hasFailovers: Guard<{ readonly failovers: readonly ReportedFailover[] }> = objectOf<{
  readonly failovers: readonly ReportedFailover[];
}>({ failovers: listOf(isFailover) });

/** The response to a request for planned work. */
export interface WorkResponse {
  readonly quiet?: boolean | undefined;
  readonly error?: string | undefined;
  readonly targets?: readonly string[] | undefined;
}

export const isWorkResponse: Guard<WorkResponse> = objectOf<WorkResponse>({
  quiet: optional(isBoolean),
  error: optional(isString),
  targets: optional(listOf(isString)),
});
