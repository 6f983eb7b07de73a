import { explainFailure, isAwsFailure } from '../aws/failure.ts';
import { InfraError } from '../errors.ts';
import type { Argument } from '../inputs/sources.ts';
import type { SarifDocument } from '../security/sarif.ts';
import type { PlanSection } from '../text/plan-markdown.ts';
import type { Request } from '../actions/request.ts';
import { list, isRecord } from '../values.ts';

/** What the shell passes to a command: options by camel-cased name, arguments, and the output streams. */
export interface CommandLine {
  readonly options: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Where answers to questions come from. @default - the process's standard input */
  readonly stdin?: NodeJS.ReadableStream;
  /** The proxy of this run, if the inputs have several. */
  readonly proxy?: string;
  /** Collects the SARIF of each proxy if there are several: they become one file. */
  readonly reports?: SarifDocument[];
  /** Collects the Markdown of each proxy's plan if there are several. */
  readonly sections?: PlanSection[];
}

/** An input from the shell's parser; `order` is its position on the command line. */
export type TypedInput = Argument & { readonly order: number };

/**
 * Files and flags of the command line, in the order in which they were typed, with the environment and the working
 * directory.
 */
export function requestOf(
  line: CommandLine,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  directory: string = process.cwd(),
): Request {
  const typed = Object.values(line.options)
    .flatMap((value) => (Array.isArray(value) ? list(value) : [value]))
    .filter(isTyped)
    .sort((a, b) => a.order - b.order);
  return {
    sources: {
      directory,
      environment,
      arguments: typed,
      ...(line.proxy === undefined ? {} : { proxy: line.proxy }),
    },
  };
}

function isTyped(value: unknown): value is TypedInput {
  return isRecord(value) && typeof value['order'] === 'number';
}

/** Whether a flag was given. */
export function flag(line: CommandLine, name: string): boolean {
  return line.options[name] === true;
}

/**
 * Runs a command's work and reports errors in plain words: each problem on its own line on standard error, or with
 * `--json` as an object on standard output.
 * @param failed receives the problems as well
 */
export async function guarded(
  line: CommandLine,
  work: () => Promise<number>,
  failed: (problems: readonly string[]) => Promise<void> = async () => {},
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InfraError) && !isAwsFailure(error)) {
      throw error;
    }
    const failure = explainFailure(error, 'a call to AWS', 'the region');
    await failed(failure.problems);
    if (flag(line, 'json')) {
      const { code, problems } = failure;
      writeJson(line, { version: 1, error: { code, problems, places: problems.map(placeOf) } });
    } else {
      line.stderr.write(`${failure.problems.map((problem) => `error: ${problem}`).join('\n')}\n`);
    }
    return 1;
  }
}

/** The file and line at the start of a problem; null if it does not refer to a line of a file. */
function placeOf(problem: string): { readonly file: string; readonly line: number } | null {
  const [, file, line] = /^(\S.*?):(\d+)(?:,\d+-\d+)?(?: proxies\.\S+)?: /.exec(problem) ?? [];
  return file === undefined ? null : { file, line: Number(line) };
}

/** Writes one JSON document. */
export function writeJson(line: CommandLine, value: unknown): void {
  line.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
