import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { Effects } from '../sql/index.ts';
import { LocalReply } from '../protocol/reply-notes.ts';
import { pinnedNotice, unpinnedNotice, wantsNotices } from './pin-notice.ts';
import { PinReason, pinDescriptions } from './pin-reason.ts';
import { visible } from './session-probe.ts';

/** The session state that a statement affects; undefined if the statement is unknown. */
export type Touches = Effects['details'] | undefined;

/** Counts the connections of pinned sessions. */
export interface PinCounter {
  pinBegan(): void;
  pinEnded(): void;
}

/** The session, as its pin sees it. */
export interface PinOwner {
  readonly id: number;
  /** The application_name, for logs. */
  readonly applicationName: string;
  readonly pool: PinCounter;
  readonly connection: ServerConnection | null;
  /** The session's client_min_messages. */
  readonly clientMinMessages: string | undefined;
  /** Sends complete messages to the client. */
  reply(bytes: Buffer): void;
}

/** Counts and reports pins. */
export interface PinWatcher {
  /** Clients get notices of pins. */
  readonly pinNotice: boolean;
  /** This normalized statement pinned a session; empty if unknown. */
  pinned(owner: PinOwner, reason: PinReason, statement: string, touches: Touches): void;
  /** The state that pinned it for this many milliseconds is gone. */
  unpinned(owner: PinOwner, reason: PinReason, milliseconds: number): void;
  /** Another pin has replaced a pin, or it ended with its session. */
  pinEnded(reason: PinReason, milliseconds: number): void;
}

/** Whether the session can be unpinned before it ends. */
function mayEnd(reason: PinReason): boolean {
  return visible.has(reason) || reason === PinReason.Listen || reason === PinReason.SequenceState;
}

/** Whether a session keeps its lease beyond the transaction, and why. */
export class SessionPin {
  reason: PinReason | null = null;
  readonly #owner: PinOwner;
  readonly #watcher: PinWatcher;
  /** In clock milliseconds. */
  #since = 0;

  constructor(owner: PinOwner, watcher: PinWatcher) {
    this.#owner = owner;
    this.#watcher = watcher;
  }

  /** The session is pinned until it ends, and then the connection is closed. */
  get lasts(): boolean {
    return this.reason !== null && !mayEnd(this.reason) && !pinDescriptions[this.reason].resettable;
  }

  /** Whether a statement that pins for `reason` changes anything: a pin that lasts replaces one that may end. */
  givesWayTo(reason: PinReason): boolean {
    const pin = this.reason;
    return pin === null || pin === PinReason.Listen || (mayEnd(pin) && !mayEnd(reason));
  }

  /** Pins because of a statement that is about to be sent: the client gets the notice before its response. */
  inTurn(reason: PinReason, statement: string, touches: Touches): void {
    this.#pin(reason, statement, touches);
    if (this.#sendsNotices)
      this.#owner.connection?.pending.append(
        Reply.Local,
        Action.Forward,
        new LocalReply(pinnedNotice(reason, statement), null),
      );
  }

  /** Pins between requests. */
  between(reason: PinReason, statement: string): void {
    this.#pin(reason, statement, undefined);
    if (this.#sendsNotices) this.#owner.reply(pinnedNotice(reason, statement));
  }

  /** The state is gone. `uncertain`: there may be state with an unknown name. */
  end(reason: PinReason, uncertain: boolean): void {
    const { connection } = this.#owner;
    this.reason = null;
    this.#owner.pool.pinEnded();
    if (connection !== null) connection.state.needsReset = uncertain;
    this.#watcher.unpinned(this.#owner, reason, clock.now - this.#since);
    if (this.#sendsNotices) this.#owner.reply(unpinnedNotice(reason));
  }

  /** The statement that pinned has not run. */
  forget(): void {
    this.close();
    this.reason = null;
  }

  /** The session ends, pinned or not. */
  close(): void {
    if (this.reason === null) return;
    this.#givesWay();
    this.#owner.pool.pinEnded();
  }

  #givesWay(): void {
    if (this.reason !== null) this.#watcher.pinEnded(this.reason, clock.now - this.#since);
  }

  #pin(reason: PinReason, statement: string, touches: Touches): void {
    const { connection } = this.#owner;
    this.#givesWay();
    if (this.reason === null) this.#owner.pool.pinBegan();
    this.reason = reason;
    this.#since = clock.now;
    if (connection !== null) {
      connection.state.needsReset = true;
      // State that DISCARD ALL does not remove, or that is unknown, ends with the connection.
      if (!pinDescriptions[reason].resettable)
        connection.retire(`a session was pinned to it (${reason})`);
    }
    this.#watcher.pinned(this.#owner, reason, statement, touches);
  }

  get #sendsNotices(): boolean {
    return this.#watcher.pinNotice && wantsNotices(this.#owner.clientMinMessages);
  }
}
