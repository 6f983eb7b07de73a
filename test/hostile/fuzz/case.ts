import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Bytes that are sent in one write, after the kernel has accepted the previous ones. */
export type Part = Buffer;

/**
 * Who is hostile, and when. A client: before its login, or in its session. A database: in its reply to a client's
 * statement, to a login, or to a health check.
 */
export type Moment =
  'client startup' | 'client session' | 'database statement' | 'database login' | 'database check';

/** How it ends: it waits for a reply, it resets the connection, or it closes its side in order. */
export type Ending = 'wait' | 'reset' | 'close';

/** A hostile case, which its seed determines. */
export interface Case {
  readonly moment: Moment;
  readonly seed: number;
  readonly parts: readonly Part[];
  readonly ending: Ending;
}

const corpus = path.join(import.meta.dirname, 'corpus');

/** The cases that have failed before, each in its smallest form. */
export async function readCorpus(): Promise<readonly Case[]> {
  const names = (await readdir(corpus)).filter((name) => name.endsWith('.json'));
  return Promise.all(
    names.sort().map(async (name) => {
      const text = await readFile(path.join(corpus, name), 'utf8');
      const { parts, ...rest } = JSON.parse(text) as Omit<Case, 'parts'> & {
        readonly parts: readonly string[];
      };
      return { ...rest, parts: parts.map((part) => Buffer.from(part, 'latin1')) };
    }),
  );
}

/** Stores a failed case; returns the file's name. */
export async function keep(found: Case, why: string): Promise<string> {
  await mkdir(corpus, { recursive: true });
  const parts = found.parts.map((part) => part.toString('latin1'));
  const hash = createHash('sha256').update(parts.join('|')).digest('hex').slice(0, 12);
  const file = path.join(corpus, `${found.moment.replace(' ', '-')}-${hash}.json`);
  const [because] = why.split('\n');
  await writeFile(file, `${JSON.stringify({ ...found, parts, why: because }, null, 2)}\n`);
  return file;
}
