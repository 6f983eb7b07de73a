import process from 'node:process';
import { caught } from '@sluice/proxy';

/**
 * The last guard of a daemon: an exception in a timer or a promise that nothing catches is logged and counted, and the
 * process continues. Returns a function that removes the guard.
 */
export function guardProcess(): () => void {
  const onException = (error: unknown): void => caught('a timer or an event', error);
  const onRejection = (error: unknown): void => caught('a promise', error);
  process.on('uncaughtException', onException);
  process.on('unhandledRejection', onRejection);
  return () => {
    process.off('uncaughtException', onException);
    process.off('unhandledRejection', onRejection);
  };
}
