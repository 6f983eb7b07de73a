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

/**
 * The bytes that texts are sent as: UTF-8, or a byte for each character, as a client whose encoding is LATIN1 sends them. The
 * server is not asked: what it makes of them is part of what is compared.
 */
export type Bytes = 'utf8' | 'latin1';

/** What one ReadyForQuery answers: a simple query, with the COPY data that follow it, or messages up to a Sync. */
export type Group =
  | { readonly query: string; readonly copy?: readonly string[]; readonly as?: Bytes }
  | { readonly extended: readonly Part[]; readonly as?: Bytes };

/** How a client goes: with Terminate or by a reset; maybe just after a statement whose answer it does not await. */
export type Leaving =
  'terminate' | 'vanish' | { readonly terminateAfter: string } | { readonly vanishAfter: string };

/** The session of steps that nobody in the script takes: somebody else changes the world, on a connection outside. */
export const outside = 0;

/** What one session does; the groups of one step are sent at once. */
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

/** Stands in a text for very much of it, so that scripts stay short where they are printed. */
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

/** The script with each of its texts changed; `isParsed`: it comes with Parse. */
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

/**
 * Whether a session that runs this text may have to keep its server connection: state that only one connection can
 * have, made in the text or in the functions of `world.ts`; or a backslash, of which nobody but the database knows what
 * it means while standard_conforming_strings is off.
 */
export function mayPin(text: string): boolean {
  return /\\|(?<!pg_)temp(?!_buffers)|advisory_lock|lock_inside|_lock\b|seed|link|with hold|run\('(prepare|listen)|tcl|(next|curr|last|set)val/i.test(
    text,
  );
}

/** Whether what this text makes is temporary once search_path begins with pg_temp. */
export function makes(text: string): boolean {
  return /\b(create|into)\b/i.test(text);
}

/** Whether a script changes what sessions other than the one that does so can see: then the order of its steps matters. */
export function isWorldly(script: Script): boolean {
  return script.some(
    (step) =>
      'world' in step ||
      textsOf(step).some((text) => /\balter (database|role|system)\b|drop database/i.test(text)),
  );
}

/** What PostgreSQL decides at login, or when it reads its configuration: sessions see it within a second. */
export function takesEffectLater(text: string): boolean {
  return /\b(alter|drop|create) (database|role|system)\b|\bconnect on database\b/i.test(text);
}
