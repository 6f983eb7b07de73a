import { events } from '../telemetry/events.ts';
import { ProxyError } from '../errors.ts';

/** The limits on the state of one session, from the settings. */
export interface SessionLimits {
  readonly MaxPreparedStatements: number;
  readonly MaxSessionParameters: number;
  readonly MaxListenChannels: number;
  readonly MaxPortals: number;
  readonly MaxSessionMemory: number;
  readonly MaxUnreadBytes: number;
  /** Above it, the proxy pauses reading from the client; the session continues. */
  readonly MaxPendingReplies: number;
}

/** The setting of a limit that ends the session. */
export type SessionLimit = Exclude<keyof SessionLimits, 'MaxPendingReplies'>;

/** How often clients exceeded each limit since the process started. */
export const limitsExceeded: Record<SessionLimit | 'MaxBytesBeforeLogin', number> = {
  MaxBytesBeforeLogin: 0,
  MaxPreparedStatements: 0,
  MaxSessionParameters: 0,
  MaxListenChannels: 0,
  MaxPortals: 0,
  MaxSessionMemory: 0,
  MaxUnreadBytes: 0,
};

/** The client has exceeded a limit: counts it, and logs one line. Returns the error for the client. */
export function limitExceeded(client: number, setting: SessionLimit, limit: number): ProxyError {
  limitsExceeded[setting]++;
  events.sessionLimitExceeded.publish({ client, setting, limit });
  return setting === 'MaxUnreadBytes'
    ? new ProxyError('NOTIFICATIONS_NOT_READ', { bytes: limit })
    : new ProxyError('SESSION_LIMIT', { setting, limit });
}
