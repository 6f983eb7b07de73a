import { allowed, missing } from './known-differences.ts';
import { fieldsOf, outline } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';

/** What a client saw of one step. */
export interface Entry {
  /** The messages, each in a form that is equal exactly if all comparable parts are equal. */
  readonly replies: readonly string[];
  /** The same for people. */
  readonly summary: string;
  /** The last values from ParameterStatus, one `name=value` per line. */
  readonly parameters: string;
}

/** What the clients of one script saw: one entry per step, `null` for a skipped step. */
export interface Transcript {
  readonly entries: (Entry | null)[];
  /** The notifications of each session as `channel payload`. */
  readonly notifications: ReadonlyMap<number, string[]>;
}

/**
 * Messages that are not compared at their position:
 * - Authentication and BackendKeyData: the proxy authenticates its clients itself and gives them its own keys.
 * - ParameterStatus: PostgreSQL does not define its position among other messages; the last values are compared.
 * - NotificationResponse: may come at any time, so they are compared at the end, without the sender's process ID.
 */
const notInPlace = new Set(['R', 'K', 'S', 'A']);

/** Converts the messages of a step to an entry. */
export function entryOf(
  messages: readonly Message[],
  parameters: ReadonlyMap<string, string>,
  end = '',
): Entry {
  const compared = messages.filter(({ code }) => !notInPlace.has(code));
  return {
    replies: [...compared.map(exact), end],
    summary: [...compared.map(describe), end].filter((part) => part !== '').join(' | '),
    parameters: [...parameters]
      .map((pair) => pair.join('='))
      .sort()
      .join('\n'),
  };
}

/** A message in a few words; for an error with its text. */
function describe(message: Message): string {
  const text = message.code === 'E' ? ` ${fieldsOf(message)['M']}` : '';
  return outline(message) + text;
}

/** Every byte of a message except what always differs between two sessions. */
function exact({ code, body }: Message): string {
  const compared = code === 'T' ? withoutOids(body) : code === 't' ? withoutTypeOids(body) : body;
  const text = (code + compared.toString('latin1')).replaceAll(temporarySchema, 'pg_temp');
  if (code !== 'E' && code !== 'N') return text;
  const anywhere = text.replaceAll(placeInSource, '').replace(goneRole, '$1');
  return ofCatalog.test(anywhere) ? anywhere.replace(keyOfDetail, withoutKeyOids) : anywhere;
}

/** The schema of an error that a constraint of a catalog raised: its key contains OIDs. */
const ofCatalog = /\0spg_catalog\0/;

/** The detail of a violated constraint: "Key (dictname, dictnamespace)=(words, 17713) already exists." */
const keyOfDetail = /\0DKey [^\0]*/;

function withoutKeyOids(detail: string): string {
  return detail.replaceAll(/\b\d+\b/g, (digits) =>
    Number(digits) >= firstNormalOid ? String(firstNormalOid) : digits,
  );
}

/** Each process has its own. */
const temporarySchema = /\bpg_temp_\d+/g;

/**
 * The fields F, L and R of an error name a position in PostgreSQL's source. Errors that the proxy raises or rewrites,
 * such as that of a duplicate statement name, have at most R.
 */
const placeInSource = /\0[FLR][^\0]+(?=\0)/g;

/** The error of a session whose role was dropped: the two servers have not counted equally far. */
const goneRole = /\b(invalid role OID: )\d+/;

/** Objects that are created after initdb have OIDs from here on, different ones each time. */
const firstNormalOid = 16_384;

function withoutOid(bytes: Buffer, at: number): void {
  const oid = bytes.readUInt32BE(at);
  if (oid >= firstNormalOid) bytes.writeUInt32BE(firstNormalOid, at);
}

/** RowDescription (B): Int16 n; each: String name, Int32 table OID, Int16 column, Int32 type, Int16, Int32, Int16. */
function withoutOids(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  let at = 2;
  while (at < copy.length) {
    at = copy.indexOf(0, at) + 1;
    withoutOid(copy, at);
    withoutOid(copy, at + 6);
    at += 18;
  }
  return copy;
}

/** ParameterDescription (B): Int16 n; each: Int32 type. */
function withoutTypeOids(body: Buffer): Buffer {
  const copy = Buffer.from(body);
  for (let at = 2; at < copy.length; at += 4) withoutOid(copy, at);
  return copy;
}

/** The channel and payload of a NotificationResponse. */
export function notificationOf({ body }: Message): string {
  const [channel, payload] = body.toString('utf8', 4).split('\0');
  return `${channel} ${payload}`;
}

/** The first difference of two transcripts, or `null`. */
export interface Difference {
  /** The index of the step, or `undefined` if only notifications differ. */
  readonly step: number | undefined;
  readonly expected: string;
  readonly got: string;
}

/** Compares what was seen through a pool with what was seen on direct connections. */
export function firstDifference(expected: Transcript, got: Transcript): Difference | null {
  for (const [step, wanted] of expected.entries.entries()) {
    const seen = got.entries[step];
    if (wanted === null || seen === null || seen === undefined) continue;
    if (!sameReplies(wanted.replies, seen.replies)) {
      const sameSummary = wanted.summary === seen.summary;
      const show = (entry: Entry): string =>
        sameSummary ? JSON.stringify(entry.replies) : entry.summary;
      return { step, expected: show(wanted), got: show(seen) };
    }
    if (wanted.parameters !== seen.parameters) {
      return { step, ...differentLines(wanted.parameters, seen.parameters) };
    }
  }
  for (const [session, wanted] of expected.notifications) {
    const seen = got.notifications.get(session) ?? [];
    if (wanted.join('\n') !== seen.join('\n')) {
      return {
        step: undefined,
        expected: `session ${session} notified of: ${wanted.join(', ')}`,
        got: seen.join(', '),
      };
    }
  }
  return null;
}

function sameReplies(expected: readonly string[], got: readonly string[]): boolean {
  let at = 0;
  for (const [index, message] of expected.entries()) {
    const other = got[at] ?? '';
    if (message === other || allowed.some(({ allows }) => allows(message, other))) at += 1;
    else if (!missing.some(({ isMissing }) => isMissing(message, expected.slice(index + 1))))
      return false;
  }
  return at === got.length;
}

function differentLines(expected: string, got: string): { expected: string; got: string } {
  const [a, b] = [expected.split('\n'), got.split('\n')];
  const only = (mine: string[], other: string[]): string =>
    `ParameterStatus ${mine.filter((line) => !other.includes(line)).join(', ')}`;
  return { expected: only(a, b), got: only(b, a) };
}
