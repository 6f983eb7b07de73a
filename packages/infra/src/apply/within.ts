import { InfraError } from '../errors.ts';

/**
 * Waits up to a number of seconds for a change of a stack; without a number, for as long as it takes.
 * @throws InfraError TIMED_OUT; CloudFormation continues
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
    // After a timeout nobody else handles its rejection.
    work.catch(() => undefined);
  }
}
