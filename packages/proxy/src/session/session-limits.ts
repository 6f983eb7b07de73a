import { events } from '../telemetry/events.ts';
import { ProxyError } from '../errors.ts';

/** The limits on the state of one session, from the settings. */
export interface SessionLimits {
  readonly MaxPreparedStatements: number;
  readonly MaxSessionParameters: number;
  readonly MaxListenChannels: number;
}

/** The setting of a limit. */
export type SessionLimit = keyof SessionLimits;

/** How often sessions exceeded each limit since the process started. */
export const limitsPassed: Record<SessionLimit, number> = {
  MaxPreparedStatements: 0,
  MaxSessionParameters: 0,
  MaxListenChannels: 0,
};

/** The client has exceeded a limit: counts it, and logs one line. */
export function limitPassed(client: number, setting: SessionLimit, limit: number): ProxyError {
  limitsPassed[setting]++;
  events.sessionLimitPassed.publish({ client, setting, limit });
  return new ProxyError('SESSION_LIMIT', { setting, limit });
}
