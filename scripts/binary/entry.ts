// The entry point of the single file: the command, without a choice of runtime.
import process from 'node:process';
import { main } from '@sluice/cli';

process.exitCode = await main(process.argv.slice(2), process);
