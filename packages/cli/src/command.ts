/** A command of `sluice`, as data: the parser and the help are made from it. */
export interface Command {
  /** What the user types after `sluice`, for example `serve`. */
  readonly name: string;
  /** One line for `sluice --help`. */
  readonly summary: string;
  /** What stands above the options in `sluice COMMAND --help`. */
  readonly description?: string;
  /** Positional arguments in commander's notation, for example `<file>` or `[saved]`, with what they mean. */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  /** Not listed by `sluice --help`: for a machine, not for a person. */
  readonly hidden?: true;
  readonly options: readonly Option[];
  /** Command lines that work as they stand, with what they do; shown at the end of the help. */
  readonly examples?: readonly { readonly line: string; readonly does: string }[];
  /** Loads the code behind the command. Heavy packages are imported there and nowhere else, so that `--help` stays fast. */
  readonly load: () => Promise<{ readonly run: Run }>;
}

/** One option of a command. */
export interface Option {
  /** In commander's notation: `--port <number>`, `--json`, `-c, --config <file>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | number | boolean;
  /** The only values that are taken. */
  readonly choices?: readonly string[];
  /** Turns the text typed into a value; throws a UsageError that names the value and what would be right. */
  readonly parse?: (text: string, previous: unknown) => unknown;
  readonly required?: boolean;
}

/** What a command is given: its options by camel-cased name, its arguments, and the streams it may write to. */
export interface CommandInput {
  readonly options: Readonly<Record<string, unknown>>;
  readonly arguments: readonly string[];
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Runs the command; resolves to the exit code (0 done, 1 failed, 2 where a command says so). */
export type Run = (input: CommandInput) => Promise<number>;

/** The user typed something that cannot be right. Shown without a stack trace; exit code 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
