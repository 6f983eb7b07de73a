import { version } from '@sluice/proxy/version';
import { CommanderError, Command as Parser } from 'commander';
import type { Command } from './command.ts';
import { commandGroups } from './commands.ts';
import type { CommandGroup } from './commands.ts';
import { errorText } from './error-text.ts';
import { addArguments, addExamples, addOptions, listNamespaces } from './parser.ts';

type Streams = Pick<NodeJS.Process, 'stdout' | 'stderr'>;

/** Runs a command; `done` gets its exit code. */
interface Runner {
  readonly streams: Streams;
  readonly done: (code: number) => void;
}

/** Runs `sluice` with these arguments; resolves to the exit code. */
export async function main(argv: readonly string[], streams: Streams): Promise<number> {
  ignoreClosedPipes(streams);
  let exitCode = 0;
  // With --json, errors are a JSON document too.
  const writeError = (code: string, message: string): void => {
    if (argv.includes('--json')) {
      const document = { version: 1, error: { code, problems: [message] } };
      streams.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    }
  };
  const runner: Runner = {
    streams,
    done: (code) => {
      exitCode = code;
    },
  };
  const parser = new Parser('sluice')
    .description('A pooling proxy for PostgreSQL.')
    .version(version, '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('Try: sluice --help')
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    // By default, commander exits the process; this makes it throw.
    .exitOverride();
  for (const group of commandGroups) {
    addGroup(parser, group, runner);
  }
  listNamespaces(parser);
  try {
    await parser.parseAsync(terraformSpelling(argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0) {
        writeError('USAGE', error.message.replace(/^error: /, ''));
      }
      return error.exitCode;
    }
    writeError('INTERNAL', errorText(error));
    streams.stderr.write(`error: ${errorText(error)}\n`);
    return 1;
  }
  return exitCode;
}

/** Terraform's options have one hyphen: converts `-var-file=x` to `--var-file=x`. */
function terraformSpelling(argv: readonly string[]): string[] {
  return argv.map((word) =>
    /^-(?:var-file|var|auto-approve|replace|json)(?:=|$)/.test(word) ? `-${word}` : word,
  );
}

/** The reader of the output may close the pipe, as `head` does: that is no error. */
function ignoreClosedPipes({ stdout, stderr }: Streams): void {
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

function addGroup(
  parser: Parser,
  { title, namespace, commands }: CommandGroup,
  runner: Runner,
): void {
  if (namespace === undefined) {
    for (const command of commands) addCommand(parser, command, runner).helpGroup(title);
    return;
  }
  const { name, summary } = namespace;
  const inner = parser
    .command(name)
    .description(`${summary}.`)
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError(`Try: sluice ${name} --help`)
    .helpGroup(title);
  for (const command of commands) {
    addCommand(inner, command, runner).helpGroup(title);
    // Without the namespace, for older scripts.
    addCommand(parser, command, runner, true);
  }
}

function addCommand(
  parser: Parser,
  command: Command,
  { streams, done }: Runner,
  hidden = command.hidden === true,
): Parser {
  const place = parser.parent === null ? 'sluice' : `sluice ${parser.name()}`;
  const sub = parser
    .command(command.name, { hidden })
    .summary(command.summary)
    .description(command.description ?? `${command.summary}.`)
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(`Try: ${place} ${command.name} --help`);
  addArguments(sub, command);
  addOptions(sub, command);
  addExamples(sub, command);
  sub.action(async () => {
    const { run } = await command.load();
    done(await run({ ...streams, options: sub.opts(), arguments: sub.args }));
  });
  return sub;
}
