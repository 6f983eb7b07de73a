import { events } from '../telemetry/events.ts';
import { ProxyError } from '../errors.ts';

/** How much is kept for one session, by the settings that say so. */
export interface SessionLimits {
  readonly MaxPreparedStatements: number;
  readonly MaxSessionParameters: number;
  readonly MaxListenChannels: number;
}

/** The setting that limits something of a session. */
export type SessionLimit = keyof SessionLimits;

/** How often sessions went past each limit, since the process started. */
export const limitsPassed: Record<SessionLimit, number> = {
  MaxPreparedStatements: 0,
  MaxSessionParameters: 0,
  MaxListenChannels: 0,
};

/** The client has gone past a limit: it is counted, and told of in one line. */
export function limitPassed(client: number, setting: SessionLimit, limit: number): ProxyError {
  limitsPassed[setting]++;
  events.sessionLimitPassed.publish({ client, setting, limit });
  return new ProxyError('SESSION_LIMIT', { setting, limit });
}
