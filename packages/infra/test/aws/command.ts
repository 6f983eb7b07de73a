import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { CommandLine } from '../../src/shell/command-line.ts';

/** The output and the exit code of a command. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The terminal of a test. */
export interface Terminal {
  readonly stdin?: NodeJS.ReadableStream;
  /** Called with the whole output so far. */
  readonly written?: (text: string) => void;
}

/** Runs a command as the shell would, with an inputs file and more options. */
export async function runCommand(
  run: (line: CommandLine) => Promise<number>,
  file: string | undefined,
  options: Readonly<Record<string, unknown>> = {},
  words: readonly string[] = [],
  terminal: Terminal = {},
): Promise<Ran> {
  const out = new Collector();
  const err = new Collector(terminal.written);
  const code = await run({
    options: { ...(file === undefined ? {} : { inputs: [{ order: 0, file }] }), ...options },
    arguments: words,
    ...(terminal.stdin === undefined ? {} : { stdin: terminal.stdin }),
    stdout: out,
    stderr: err,
  });
  return { code, out: out.text, err: err.text };
}

/** Writes an inputs file into a new folder, and removes both afterwards. */
export async function inputsFile(
  t: { after(clean: () => Promise<void>): void },
  text: string,
  name = 'terraform.tfvars',
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-infra-'));
  t.after(async () => rm(folder, { recursive: true }));
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

class Collector extends Writable {
  text = '';
  readonly #written: (text: string) => void;

  constructor(written: (text: string) => void = () => undefined) {
    super();
    this.#written = written;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.#written(this.text);
    done();
  }
}
