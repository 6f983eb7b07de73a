import process from 'node:process';
import { guarded, type CommandLine } from './command-line.ts';

/** As `guarded`, for work that continues in CloudFormation when the command is stopped: Ctrl-C reports that. */
export async function interruptible(
  line: CommandLine,
  work: () => Promise<number>,
): Promise<number> {
  const stop = (): void => {
    line.stderr.write(
      '\ninterrupted: CloudFormation continues on its own; run the same command again with --wait to resume\n',
    );
    // The exit code that a shell expects of a process that SIGINT has ended.
    process.exit(130);
  };
  process.once('SIGINT', stop);
  try {
    return await guarded(line, work);
  } finally {
    process.removeListener('SIGINT', stop);
  }
}
