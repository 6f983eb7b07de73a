import type { CommandInput } from '../command.ts';
import { UsageError } from '../command.ts';

/** The options of `sluice up`. */
export interface UpOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly poolSize: number;
  readonly maxConnections: number | undefined;
  /** The number of standbys to start. */
  readonly standbys: number;
  readonly tls: boolean;
  readonly data: string | undefined;
  readonly target: string | undefined;
  readonly json: boolean;
}

/** Converts the options to their types, and rejects contradictory ones. */
export function upOptions({ options }: CommandInput): UpOptions {
  const { port, adminPort, poolSize, maxConnections, data, target } = options;
  if (data !== undefined && options['standbys'] !== undefined) {
    throw new UsageError('--data cannot be combined with --standbys; remove one of them');
  }
  const needless = (['data', 'maxConnections', 'standbys'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (target !== undefined && needless !== undefined) {
    const flag = { data: '--data', maxConnections: '--max-connections', standbys: '--standbys' }[
      needless
    ];
    throw new UsageError(
      `${flag} cannot be combined with --target, with which up starts no PostgreSQL; remove one of them`,
    );
  }
  return {
    port: Number(port),
    adminPort: Number(adminPort),
    poolSize: Number(poolSize),
    maxConnections: typeof maxConnections === 'number' ? maxConnections : undefined,
    standbys: Number(options['standbys'] ?? 0),
    tls: options['tls'] === true,
    data: typeof data === 'string' ? data : undefined,
    target: typeof target === 'string' ? target : undefined,
    json: options['json'] === true,
  };
}
