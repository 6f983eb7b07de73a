import type { TargetName } from './results.ts';
import type { Target, TargetSetup } from './targets/target.ts';
import { startTarget } from './targets/start-target.ts';

/** What all measurements of a run share. */
export interface BenchRun {
  readonly targets: readonly TargetName[];
  readonly seconds: number;
  readonly rounds: number;
  /** The program, when it takes part. */
  readonly pgbouncer: string | undefined;
  /** What targets are started with, apart from TLS, which is the case's. */
  readonly setup: Omit<TargetSetup, 'tls'>;
  /** Ends the run early. */
  readonly signal: AbortSignal;
  /** Is told what goes on, a line each. */
  readonly progress: (line: string) => void;
  /** Is told what went wrong; the run goes on. */
  readonly fail: (sentence: string) => void;
}

/** Starts one target for `work` and stops it afterwards. An error is told, and undefined returned. */
export async function withTarget<T>(
  run: BenchRun,
  name: TargetName,
  tls: boolean,
  work: (target: Target) => Promise<T>,
): Promise<T | undefined> {
  let target: Target | undefined;
  try {
    target = await startTarget(name, { ...run.setup, tls }, run.pgbouncer);
    return await work(target);
  } catch (error) {
    tell(run, name, error);
    return undefined;
  } finally {
    await target?.stop();
  }
}

/** Tells of an error, unless the run was ended early, which ends it here. */
export function tell(run: BenchRun, subject: string, error: unknown): void {
  run.signal.throwIfAborted();
  run.fail(`${subject}: ${error instanceof Error ? error.message : String(error)}`);
}
