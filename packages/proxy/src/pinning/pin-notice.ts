import { buildNoticeResponse } from '@sluice/wire';
import { pinDescriptions } from './pin-reason.ts';
import type { PinReason } from './pin-reason.ts';

/** Values of client_min_messages under which PostgreSQL sends no NOTICE. */
const silent = new Set(['warning', 'error', 'fatal', 'panic']);

/** Whether a client with this setting receives notices. */
export function wantsNotices(clientMinMessages: string | undefined): boolean {
  return !silent.has((clientMinMessages ?? '').toLowerCase());
}

/** The notice that a session is pinned, with the reason and a way to avoid it. `statement` is normalized. */
export function pinnedNotice(reason: PinReason, statement: string): Buffer {
  const { because, instead } = pinDescriptions[reason];
  return buildNoticeResponse({
    severity: 'NOTICE',
    sqlstate: '00000',
    message: `the session is pinned to its server connection (${reason})`,
    detail: `${because}${statement === '' ? '' : `: ${statement}`}`,
    hint: instead,
  });
}

/** The notice that the pin has ended. */
export function unpinnedNotice(reason: PinReason): Buffer {
  return buildNoticeResponse({
    severity: 'NOTICE',
    sqlstate: '00000',
    message: `the session is no longer pinned to its server connection (${reason})`,
  });
}
