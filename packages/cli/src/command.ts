/** A command of `sluice`, as data: the parser and the help are generated from it. */
export interface Command {
  /** The word after `sluice`, for example `serve`. */
  readonly name: string;
  /** One line for `sluice --help`. */
  readonly summary: string;
  /** The text above the options in `sluice COMMAND --help`. */
  readonly description?: string;
  /** Positional arguments in commander's notation, for example `<file>` or `[saved]`, and their descriptions. */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  /** For machines: `sluice --help` does not list it. */
  readonly hidden?: true;
  readonly options: readonly Option[];
  /** Complete command lines and their descriptions, for the end of the help. */
  readonly examples?: readonly { readonly line: string; readonly does: string }[];
  /** Loads the code of the command. Only that code imports large packages, so that `--help` stays fast. */
  readonly load: () => Promise<{ readonly run: Run }>;
}

/** One option of a command. */
export interface Option {
  /** In commander's notation: `--port <number>`, `--json`, `-c, --config <file>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | number | boolean;
  /** The allowed values. */
  readonly choices?: readonly string[];
  /** Parses the text into a value; throws a UsageError with the expected format. */
  readonly parse?: (text: string, previous: unknown) => unknown;
  readonly required?: boolean;
}

/** The input of a command: options by camel-cased name, arguments, and the output streams. */
export interface CommandInput {
  readonly options: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Runs the command; resolves to the exit code (0 done, 1 failed, 2 where a command says so). */
export type Run = (input: CommandInput) => Promise<number>;

/** An invalid command line. Shown without a stack trace; exit code 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
