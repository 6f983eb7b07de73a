import type { TargetName } from './results.ts';
import type { Target, TargetSetup } from './targets/target.ts';
import { startTarget } from './targets/start-target.ts';

/** The common context of all measurements of a run. */
export interface BenchRun {
  readonly targets: readonly TargetName[];
  readonly seconds: number;
  readonly rounds: number;
  /** The program, if PgBouncer takes part. */
  readonly pgbouncer: string | undefined;
  /** How targets are started, apart from what depends on the case. */
  readonly setup: Omit<TargetSetup, keyof CaseSetup>;
  /** The directory of the Unix sockets of the database and of the proxies. */
  readonly socketDirectory: string;
  /** Ends the run early. */
  readonly signal: AbortSignal;
  /** Receives the progress, one line at a time. */
  readonly progress: (line: string) => void;
  /** Receives errors; the run continues. */
  readonly fail: (sentence: string) => void;
}

/** What depends on the case. */
type CaseSetup = Pick<TargetSetup, 'database' | 'socketDirectory' | 'interleaving' | 'tls'>;

/** Starts one target for `work` and stops it afterwards. Reports an error, and returns undefined then. */
export async function withTarget<T>(
  run: BenchRun,
  name: TargetName,
  tls: boolean,
  work: (target: Target) => Promise<T>,
): Promise<T | undefined> {
  let target: Target | undefined;
  try {
    const { postgres } = run.setup;
    const setup = { database: postgres, socketDirectory: null, interleaving: 'auto', tls } as const;
    target = await startTarget(name, { ...run.setup, ...setup }, run.pgbouncer);
    return await work(target);
  } catch (error) {
    reportFailure(run, name, error);
    return undefined;
  } finally {
    await target?.stop();
  }
}

/** Reports an error, unless the run was ended early, which throws here. */
export function reportFailure(run: BenchRun, subject: string, error: unknown): void {
  run.signal.throwIfAborted();
  run.fail(`${subject}: ${error instanceof Error ? error.message : String(error)}`);
}
