import { caught } from './guard.ts';
import type { ListenerHandler, Transport } from './transport.ts';

/** Passes a new connection on. An exception closes it, and no other. */
export function accept(transport: Transport, handler: ListenerHandler): void {
  try {
    handler.accepted(transport);
  } catch (error) {
    caught('an accept', error);
    transport.destroy();
  }
}
