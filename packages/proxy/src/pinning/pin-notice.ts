import { buildNoticeResponse } from '@sluice/wire';
import { pinDescriptions } from './pin-reason.ts';
import type { PinReason } from './pin-reason.ts';

/** Values of client_min_messages under which PostgreSQL sends no NOTICE. */
const silent = new Set(['warning', 'error', 'fatal', 'panic']);

/** Whether a client that has set this wants notices at all. */
export function wantsNotices(clientMinMessages: string | undefined): boolean {
  return !silent.has((clientMinMessages ?? '').toLowerCase());
}

/** Tells a client that its session is pinned, why, and what would avoid it. `statement` has its literals replaced. */
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

/** Tells a client that the pin is over. */
export function unpinnedNotice(reason: PinReason): Buffer {
  return buildNoticeResponse({
    severity: 'NOTICE',
    sqlstate: '00000',
    message: `the session is no longer pinned to its server connection (${reason})`,
  });
}
