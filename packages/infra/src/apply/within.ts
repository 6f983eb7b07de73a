import { InfraError } from '../errors.ts';

/**
 * Waits for what CloudFormation does to a stack, for at most so many seconds; without a number as long as it takes.
 * @throws InfraError TIMED_OUT; CloudFormation goes on
 */
export async function within<T>(
  seconds: number | undefined,
  stack: string,
  work: Promise<T>,
): Promise<T> {
  if (seconds === undefined) {
    return work;
  }
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new InfraError(
        'TIMED_OUT',
        `${stack} is not finished after ${seconds} s (DeploymentTimeout); CloudFormation continues on its own: run the same command again with --wait to resume`,
      ),
    );
  }, seconds * 1000);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // What becomes of it after that, nobody waits for.
    work.catch(() => undefined);
  }
}
