import * as messages from '../helpers/messages.ts';

/*
 * A script: what several sessions send, step by step. Scripts are plain data, so that a failing one can be printed,
 * shrunk, and kept in `cases.ts`.
 */

/** The maximum number of sessions of a script. */
export const sessionsPerScript = 4;

/**
 * The number of a session, from 1. Statements use only objects named after it: table `note_1`, lock 1, channel
 * `news_1`.
 */
export type SessionNumber = number;

/** One message of the extended protocol, without its Sync. */
export type Part =
  | { readonly parse: string; readonly text: string }
  | { readonly bind: string; readonly portal: string; readonly values: readonly string[] }
  | { readonly describe: 'S' | 'P'; readonly name: string }
  | { readonly execute: string; readonly rows: number }
  | { readonly close: 'S' | 'P'; readonly name: string }
  | { readonly flush: true }
  | { readonly copy: readonly string[] };

/**
 * The encoding of texts: UTF-8, or one byte per character, as from a client with LATIN1. It is independent of the
 * server: how the server interprets the bytes is part of the comparison.
 */
export type Bytes = 'utf8' | 'latin1';

/** What one ReadyForQuery answers: a simple query, with the COPY data after it, or messages up to a Sync. */
export type Group =
  | { readonly query: string; readonly copy?: readonly string[]; readonly as?: Bytes }
  | { readonly extended: readonly Part[]; readonly as?: Bytes };

/**
 * How a client disconnects: with Terminate or with a reset; possibly right after a statement, without waiting for its
 * reply.
 */
export type Leaving =
  'terminate' | 'vanish' | { readonly terminateAfter: string } | { readonly vanishAfter: string };

/** The session number of steps outside all sessions: they change the world on a separate connection. */
export const outside = 0;

/** What one session does; the cycles of one step are pipelined. */
export type Step =
  | {
      readonly session: SessionNumber;
      readonly connect: Readonly<Record<string, string>>;
      readonly as?: Bytes;
    }
  | { readonly session: typeof outside; readonly world: string }
  | { readonly session: SessionNumber; readonly send: readonly Group[] }
  | { readonly session: SessionNumber; readonly leave: Leaving };

export type Script = readonly Step[];

/** The bytes of a group. */
export function encode(group: Group): Buffer {
  const { as = 'utf8' } = group;
  if ('query' in group) {
    return Buffer.concat([messages.query(written(group.query), as), ...copyMessages(group.copy)]);
  }
  return Buffer.concat([...group.extended.map((part) => encodePart(part, as)), messages.sync]);
}

function encodePart(part: Part, as: Bytes): Buffer {
  if ('parse' in part) return messages.parse(part.parse, written(part.text), [], as);
  if ('bind' in part)
    return messages.bind(part.bind, part.values, { portal: part.portal, encoding: as });
  if ('describe' in part) return messages.describe(part.describe, part.name, as);
  if ('execute' in part) return messages.execute(part.execute, part.rows);
  if ('close' in part) return messages.close(part.close, part.name, as);
  if ('copy' in part) return Buffer.concat(copyMessages(part.copy));
  return messages.flush;
}

/** Represents a very long text, so that printed scripts stay short. */
export const long = '…';

const filling = 'PERFORM 1; '.repeat(1_800);

/** The text as it is sent. */
function written(text: string): string {
  return text.replaceAll(long, filling);
}

function copyMessages(lines: readonly string[] | undefined): Buffer[] {
  if (lines === undefined) return [];
  return [...lines.map((line) => messages.copyData(`${line}\n`)), messages.copyDone];
}

/** Every text of SQL in a step. */
export function textsOf(step: Step): string[] {
  if ('connect' in step || 'world' in step) return [];
  if ('leave' in step) return typeof step.leave === 'object' ? Object.values(step.leave) : [];
  return step.send.flatMap((group) => {
    if ('query' in group) return [group.query];
    return group.extended.flatMap((part) => ('parse' in part ? [part.text] : []));
  });
}

/** The script with each of its texts changed; `isParsed`: it is in a Parse message. */
export function withTexts(
  script: Script,
  change: (text: string, isParsed: boolean) => string,
): Script {
  return script.map((step): Step => {
    if ('connect' in step || 'world' in step) return step;
    if ('leave' in step) {
      const { leave } = step;
      if (leave === 'terminate' || leave === 'vanish') return step;
      return {
        ...step,
        leave:
          'terminateAfter' in leave
            ? { terminateAfter: change(leave.terminateAfter, false) }
            : { vanishAfter: change(leave.vanishAfter, false) },
      };
    }
    const send = step.send.map((group): Group => {
      if ('query' in group) return { ...group, query: change(group.query, false) };
      return {
        extended: group.extended.map((part) =>
          'parse' in part ? { ...part, text: change(part.text, true) } : part,
        ),
      };
    });
    return { ...step, send };
  });
}

/** Whether a script changes what other sessions can see: then the order of its steps matters. */
export function isWorldly(script: Script): boolean {
  return script.some((step) => 'world' in step || textsOf(step).some(takesEffectLater));
}

/** What PostgreSQL evaluates at login, or when it reads its configuration: sessions see it within a second. */
export function takesEffectLater(text: string): boolean {
  return /\b(alter|drop|create) (database|role|system)\b|\bconnect on database\b/i.test(text);
}
