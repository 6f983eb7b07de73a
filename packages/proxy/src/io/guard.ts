import { events } from '../telemetry/events.ts';
import { toClient, toServer } from './write-buffer.ts';

/** Unexpected exceptions since the process started. */
export const faults = { caught: 0 };

/**
 * The last guard: an exception that nothing else has caught closes the connection that it came from and no other. It is
 * counted, and its stack is logged. Collected output is dropped: it belongs to that connection, and must not go to
 * another.
 */
export function caught(where: string, error: unknown): void {
  toClient.clear();
  toServer.clear();
  faults.caught++;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  events.faultCaught.publish({ where, stack });
}

/** Calls `work` and catches what it throws. */
export function guarded(where: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    caught(where, error);
  }
}
