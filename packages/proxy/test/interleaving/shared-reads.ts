import { FrontendCode, buildMessage, buildQuery, readBoundCycle } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { readKey } from '../../src/interleaving/read-history.ts';
import { SharedCycle } from '../../src/interleaving/shared-cycle.ts';
import { BoundRequest } from '../../src/interleaving/bound-request.ts';
import { QueryRequest } from '../../src/interleaving/shared-request.ts';
import type { SharedRequest } from '../../src/interleaving/shared-request.ts';
import type { SharedReader } from '../../src/interleaving/shared-cycle.ts';
import type { SharedLease } from '../../src/interleaving/shared-lease.ts';
import type { ParameterSet } from '../../src/parameters/parameter-set.ts';
import { readUnderAny } from '../../src/parameters/read-under.ts';
import { classify } from '../../src/sql/index.ts';
import { ClientStatement } from '../../src/statements/client-statement.ts';
import { statements } from '../../src/statements/statement.ts';
import { PoolBench } from '../pool/pool-bench.ts';
import { repliesIn } from '../scripted-server.ts';
import type { ScriptedServer } from '../scripted-server.ts';

/** A session with one read on a shared lease. */
export class Reader implements SharedReader {
  /** Its result: its reply in words, `alone`, or `suspect` and the SQLSTATE. */
  outcome: string | null = null;
  /** Its rows. */
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

/** A read, and its lease; null if it could not be shared. */
export interface SubmittedRead {
  readonly reader: Reader;
  readonly cycle: SharedCycle;
  readonly lease: SharedLease | null;
}

/** The body of a ParameterDescription without parameters. */
export const noTypes: Buffer = Buffer.alloc(2);

/** A client's statement. */
export function statementOf(text: string): ClientStatement {
  const tail = Buffer.from(`${text}\0\0\0`);
  const effects = classify(text);
  return new ClientStatement(statements.intern(tail, 0, tail.length, '', effects, readUnderAny));
}

/** Sessions with reads on the shared leases of a pool of scripted servers, which answer a read with its text. */
export class SharedBench {
  readonly bench = new PoolBench({ interleaving: 'always' });
  readonly set = this.bench.client().parameters;

  /** With this number of idle connections. */
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

  read(text: string, set = this.set): SubmittedRead {
    const chunk = buildQuery(text);
    const key = readKey({ template: null }, chunk, 5, chunk.length - 1);
    return this.#submit(new QueryRequest(chunk, 0, chunk.length, key), set);
  }

  /** Binds and runs a statement whose description the client has received. */
  bound(named: ClientStatement, expected = named.describe(noTypes, null)): SubmittedRead {
    const chunk = Buffer.concat([
      buildMessage(FrontendCode.Bind, Buffer.from('\0of the client\0'), Buffer.alloc(6)),
      buildMessage(FrontendCode.Execute, Buffer.alloc(5)),
      buildMessage(FrontendCode.Sync, Buffer.alloc(0)),
    ]);
    const cycle = readBoundCycle(chunk, 0, chunk.length);
    if (cycle === null) throw new Error('this is no such cycle');
    return this.#submit(new BoundRequest(named, expected, chunk, 0, cycle), this.set);
  }

  #submit(request: SharedRequest, set: ParameterSet): SubmittedRead {
    const reader = new Reader();
    const cycle = new SharedCycle(reader, request, performance.now());
    return { reader, cycle, lease: this.pool.interleaver.submit(cycle, set) };
  }
}

/** Resolves at the end of the current turn of the event loop. */
export async function endOfTurn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
