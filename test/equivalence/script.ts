import * as messages from '../helpers/messages.ts';

/*
 * A script: what several sessions say, step after step. Scripts are plain data, so that a failing one can be printed,
 * shrunk, and kept in `cases.ts`.
 */

/** The most sessions that a script has. */
export const sessionsPerScript = 4;

/** The number of a session, from 1. Statements use only what is named after it: table `note_1`, lock 1, channel `news_1`. */
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

/** What one ReadyForQuery answers: a simple query, with the COPY data that follow it, or messages up to a Sync. */
export type Group =
  | { readonly query: string; readonly copy?: readonly string[] }
  | { readonly extended: readonly Part[] };

/** How a client goes: with Terminate or by a reset; maybe just after a statement whose answer it does not await. */
export type Leaving =
  'terminate' | 'vanish' | { readonly terminateAfter: string } | { readonly vanishAfter: string };

/** What one session does; the groups of one step are sent at once. */
export type Step =
  | { readonly session: SessionNumber; readonly connect: Readonly<Record<string, string>> }
  | { readonly session: SessionNumber; readonly send: readonly Group[] }
  | { readonly session: SessionNumber; readonly leave: Leaving };

export type Script = readonly Step[];

/** The bytes of a group. */
export function encode(group: Group): Buffer {
  if ('query' in group) {
    return Buffer.concat([messages.query(group.query), ...copyMessages(group.copy)]);
  }
  return Buffer.concat([...group.extended.map(encodePart), messages.sync]);
}

function encodePart(part: Part): Buffer {
  if ('parse' in part) return messages.parse(part.parse, part.text);
  if ('bind' in part) return messages.bind(part.bind, part.values, { portal: part.portal });
  if ('describe' in part) return messages.describe(part.describe, part.name);
  if ('execute' in part) return messages.execute(part.execute, part.rows);
  if ('close' in part) return messages.close(part.close, part.name);
  if ('copy' in part) return Buffer.concat(copyMessages(part.copy));
  return messages.flush;
}

function copyMessages(lines: readonly string[] | undefined): Buffer[] {
  if (lines === undefined) return [];
  return [...lines.map((line) => messages.copyData(`${line}\n`)), messages.copyDone];
}

/** Every text of SQL in a step. */
export function textsOf(step: Step): string[] {
  if ('connect' in step) return [];
  if ('leave' in step) return typeof step.leave === 'object' ? Object.values(step.leave) : [];
  return step.send.flatMap((group) => {
    if ('query' in group) return [group.query];
    return group.extended.flatMap((part) => ('parse' in part ? [part.text] : []));
  });
}

/** The script with each of its texts changed; `isParsed`: it comes with Parse. */
export function withTexts(
  script: Script,
  change: (text: string, isParsed: boolean) => string,
): Script {
  return script.map((step): Step => {
    if ('connect' in step) return step;
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

/**
 * Whether a session that runs this text may have to keep its database connection: state that only one connection can
 * have, made in the text or in the functions of `world.ts`; or a backslash, of which nobody but the database knows what
 * it means while standard_conforming_strings is off.
 */
export function mayPin(text: string): boolean {
  return /\\|temp|advisory_lock|lock_inside|with hold|(next|curr|last|set)val/i.test(text);
}
