import { Histogram } from './histogram.ts';
import { PinStats } from './pin-stats.ts';

/** The counters of an endpoint. */
export class EndpointStats {
  readonly loginTime = new Histogram();
  readonly pins = new PinStats();
  received = 0;
  loggedIn = 0;
  failed = 0;
  closed = 0;
  cancels = 0;
}
