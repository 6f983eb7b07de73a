import { readFileSync } from 'node:fs';
import { CommanderError, Command as Parser } from 'commander';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { errorText } from './error-text.ts';
import { addArguments, addExamples, addOptions } from './parser.ts';

type Streams = Pick<NodeJS.Process, 'stdout' | 'stderr'>;

/** Runs `sluice` with these arguments; resolves to the exit code. */
export async function main(argv: readonly string[], streams: Streams): Promise<number> {
  let exitCode = 0;
  const parser = new Parser('sluice')
    .description('A pooling proxy for PostgreSQL.')
    .version(version(), '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError('Try: sluice --help')
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    // commander exits the process where it can; this makes it throw instead.
    .exitOverride();
  for (const command of commands) {
    addCommand(parser, command, streams, (code) => {
      exitCode = code;
    });
  }
  try {
    await parser.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode;
    }
    streams.stderr.write(`error: ${errorText(error)}\n`);
    return 1;
  }
  return exitCode;
}

function addCommand(
  parser: Parser,
  command: Command,
  streams: Streams,
  done: (code: number) => void,
): void {
  const sub = parser
    .command(command.name)
    .summary(command.summary)
    .description(command.description ?? `${command.summary}.`)
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(`Try: sluice ${command.name} --help`);
  addArguments(sub, command);
  addOptions(sub, command);
  addExamples(sub, command);
  sub.action(async () => {
    const { run } = await command.load();
    done(await run({ ...streams, options: sub.opts(), arguments: sub.args }));
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}
