import { events } from '@sluice/proxy';
import type { EventChannel, EventName, EventPayloads } from '@sluice/proxy';

/** The public events, with an explicit type, because TypeScript does not infer one by name. */
const channels: { readonly [Name in EventName]: EventChannel<EventPayloads[Name]> } = events;

/** Ends the subscription; further calls have no effect. */
export type Stop = () => void;

/**
 * Calls `listener` for each event of every proxy in this process, until the returned function is called. A listener
 * runs synchronously, in the middle of the proxy's work: it must be short and must not throw. An event without
 * listeners costs nothing.
 *
 * @example
 * ```ts
 * const stop = onEvent('sessionPinned', ({ reason, statement }) => console.log(reason, statement));
 * ```
 */
export function onEvent<Name extends EventName>(
  name: Name,
  listener: (payload: EventPayloads[Name]) => void,
): Stop {
  const channel = channels[name];
  // A separate function, because the same listener can be added twice.
  const subscriber = (payload: EventPayloads[Name]): void => listener(payload);
  channel.subscribe(subscriber);
  return () => channel.unsubscribe(subscriber);
}
