import { events } from '../telemetry/events.ts';
import { toClient, toServer } from './write-buffer.ts';

/** Errors that no code foresaw, since the process started. */
export const faults = { caught: 0 };

/**
 * The last guard: an error that nothing else has caught ends the connection that it came from and nothing else; it is
 * counted, and its stack logged. What was gathered for sockets meanwhile is dropped: it belongs to that connection, and
 * must reach no other.
 */
export function caught(where: string, error: unknown): void {
  toClient.clear();
  toServer.clear();
  faults.caught++;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  events.faultCaught.publish({ where, stack });
}

/** Calls `work`; what it throws ends there. */
export function guarded(where: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    caught(where, error);
  }
}
