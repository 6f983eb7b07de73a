import { events } from '@sluice/proxy';
import type { EventChannel, EventName, EventPayloads } from '@sluice/proxy';

/** Those that are public; the type does not follow a name through the whole of `events`. */
const channels: { readonly [Name in EventName]: EventChannel<EventPayloads[Name]> } = events;

/** Ends what it was returned by; more than one call does no harm. */
export type Stop = () => void;

/**
 * Calls `listener` whenever something happens, until the returned function is called. Events are those of every proxy
 * in this process. A listener runs at once, in the middle of what the proxy does: it must be short, and must not throw.
 * An event that nobody listens to costs nothing.
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
  // A function of its own: the same listener may be given twice.
  const heard = (payload: EventPayloads[Name]): void => listener(payload);
  channel.subscribe(heard);
  return () => channel.unsubscribe(heard);
}
