import type { Address } from './raw-client.ts';
import { RawClient } from './raw-client.ts';
import type { Message } from './messages.ts';

/** The actions of one client: its login, and its messages, one write after the other. */
export interface Script {
  readonly parameters?: Readonly<Record<string, string>>;
  /** Each is sent in one write, and its responses are read before the next one. */
  readonly steps: readonly Buffer[];
}

/** The number of ReadyForQuery in the response to a write: one for each Query, Sync and FunctionCall. */
function groupsIn(bytes: Buffer): number {
  let groups = 0;
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readUInt32BE(at + 1))
    if ('QSF'.includes(String.fromCharCode(bytes[at] ?? 0))) groups++;
  return groups;
}

/** Messages as lines that contain every byte. The order of PostgreSQL's parameter reports is undefined. */
function lines(messages: readonly Message[]): string[] {
  const written: string[] = [];
  let reports: string[] = [];
  for (const { code, body } of messages) {
    const line = `${code} ${body.toString('latin1')}`;
    if (code === 'S') reports.push(line);
    else {
      written.push(...reports.sort(), line);
      reports = [];
    }
  }
  return [...written, ...reports.sort()];
}

/** Runs a script; returns all responses, including those to the login, or how the login was refused. */
export async function play(
  address: Address,
  { parameters = {}, steps }: Script,
): Promise<string[][]> {
  const client = await RawClient.open(address);
  const answers: string[][] = [];
  try {
    const greeting = await client.login({ parameters }).catch((error: unknown) => String(error));
    if (typeof greeting === 'string') return [[greeting]];
    answers.push(lines(greeting.filter(({ code }) => code === 'S')));
    for (const step of steps) {
      client.send(step);
      const seen: Message[] = [];
      for (let left = groupsIn(step); left > 0; left--) seen.push(...(await client.ready()));
      answers.push(lines(seen));
    }
  } finally {
    await client.end();
  }
  return answers;
}
