import { buildQuery } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { readKey } from '../../src/interleaving/read-history.ts';
import { SharedCycle } from '../../src/interleaving/shared-cycle.ts';
import type { SharedReader } from '../../src/interleaving/shared-cycle.ts';
import type { SharedLease } from '../../src/interleaving/shared-lease.ts';
import { PoolBench } from '../pool/pool-bench.ts';
import { repliesIn } from '../scripted-server.ts';
import type { ScriptedServer } from '../scripted-server.ts';

/** A session with one read on a shared lease. */
export class Reader implements SharedReader {
  /** What became of it: its reply in words, `alone`, or `suspect` and the SQLSTATE. */
  outcome: string | null = null;
  /** Its rows, as they came. */
  rows = '';
  readonly faults: unknown[] = [];
  /** Called with its reply. */
  onReply: () => void = () => undefined;

  sharedAnswered(chunk: Buffer, start: number, end: number): void {
    const reply = chunk.subarray(start, end);
    this.outcome = repliesIn(reply).join(' ');
    this.rows = reply.toString('latin1');
    this.onReply();
  }

  runsAlone(suspect: ServerConnection | null, error: ErrorFields | null): void {
    this.outcome = suspect === null ? 'alone' : `suspect ${error?.sqlstate ?? ''}`;
  }

  broken(error: unknown): void {
    this.faults.push(error);
  }
}

/** Sessions that read on the shared leases of a pool of scripted servers, each of which answers a read with its text. */
export class SharedBench {
  readonly bench = new PoolBench({ interleaving: 'always' });
  readonly set = this.bench.client().parameters;

  /** With so many idle connections. */
  static async open(connections = 1): Promise<SharedBench> {
    const shared = new SharedBench();
    await shared.bench.idle(connections);
    for (const server of shared.servers) {
      server.read();
      server.rowsOf = (text) => [[text]];
    }
    return shared;
  }

  get pool(): PoolBench['pool'] {
    return this.bench.pool;
  }

  get servers(): readonly ScriptedServer[] {
    return this.bench.servers;
  }

  /** The only server. */
  get server(): ScriptedServer {
    const [server] = this.servers;
    if (server === undefined) throw new Error('there is no server');
    return server;
  }

  read(
    text: string,
    set = this.set,
  ): { reader: Reader; cycle: SharedCycle; lease: SharedLease | null } {
    const chunk = buildQuery(text);
    const reader = new Reader();
    const key = readKey(chunk, 5, chunk.length - 1);
    const cycle = new SharedCycle(
      reader,
      { chunk, start: 0, end: chunk.length },
      key,
      performance.now(),
    );
    return { reader, cycle, lease: this.pool.interleaver.submit(cycle, set) };
  }
}

/** The event loop comes to the end of its turn. */
export async function endOfTurn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
