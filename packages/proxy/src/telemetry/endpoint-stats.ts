import type { PinReason } from '../session/pin-reason.ts';
import { Histogram } from './histogram.ts';

/** What an endpoint counts. */
export class EndpointStats {
  readonly loginTime = new Histogram();
  readonly pins = new Map<PinReason, number>();
  unpins = 0;
  received = 0;
  loggedIn = 0;
  failed = 0;
  closed = 0;
  cancels = 0;
}
