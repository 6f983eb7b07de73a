import type { StepFile, WorkloadFile } from './schema.ts';
import { valueMaker } from './values.ts';
import type { MakeValue } from './values.ts';

/** One statement, ready to send. */
export interface Statement {
  /** Null if it has no name. */
  readonly name: string | null;
  readonly text: string;
  readonly values: readonly MakeValue[];
}

/** A statement to send, or a pause in milliseconds. */
export type Step = Statement | number;

/** One kind of transaction. */
export interface Transaction {
  readonly name: string;
  readonly steps: readonly Step[];
}

const begin: Statement = { name: null, text: 'BEGIN', values: [] };
const commit: Statement = { name: null, text: 'COMMIT', values: [] };

/** A workload with the schema of the run. */
export class Workload {
  readonly file: WorkloadFile;
  readonly setup: readonly string[];
  /** Sent on each new connection. */
  readonly session: readonly string[];
  /** Sent after each transaction. */
  readonly release: readonly string[];
  readonly transactions: readonly Transaction[];
  readonly #bounds: readonly number[];

  constructor(file: WorkloadFile, schema: string) {
    const fill = (text: string): string => text.replaceAll('{schema}', schema);
    this.file = file;
    this.setup = (file.setup ?? []).map(fill);
    this.session = (file.connect?.session ?? []).map(fill);
    this.release = (file.connect?.release ?? []).map(fill);
    const statements = new Map<string, Statement>(
      Object.entries(file.statements).map(([name, { sql, parameters = [], prepared }]) => [
        name,
        {
          name: prepared === true ? `prove ${name}` : null,
          text: fill(sql),
          values: parameters.map(valueMaker),
        },
      ]),
    );
    this.transactions = file.transactions.map(({ name, explicit, steps }) => {
      const sent = steps.flatMap((step) => stepsOf(step, statements));
      const isExplicit = explicit ?? sent.length > 1;
      return { name, steps: isExplicit ? [begin, ...sent, commit] : sent };
    });
    let sum = 0;
    this.#bounds = file.transactions.map(({ weight = 1 }) => (sum += weight));
  }

  /** The number of connections of the steady load. */
  get clients(): number {
    return this.file.connect?.clients ?? 20;
  }

  get pattern(): 'pool' | 'per-transaction' | 'both' {
    return this.file.connect?.pattern ?? 'both';
  }

  /** The average time between two transactions of one client, in milliseconds. */
  get meanThinkTime(): number {
    return this.file.thinkTime?.mean ?? 1000;
  }

  /** The next pause of a client, in milliseconds, multiplied by a factor. */
  thinkTime(stretch: number): number {
    const mean = this.meanThinkTime * stretch;
    return this.file.thinkTime?.distribution === 'constant'
      ? mean
      : -Math.log(1 - Math.random()) * mean;
  }

  /** The next transaction, chosen by weight. */
  pick(): Transaction {
    const at = Math.random() * (this.#bounds.at(-1) ?? 0);
    const index = this.#bounds.findIndex((bound) => at < bound);
    const transaction = this.transactions[index] ?? this.transactions[0];
    if (transaction === undefined) throw new Error('a workload has a transaction');
    return transaction;
  }
}

function stepsOf(step: StepFile, statements: ReadonlyMap<string, Statement>): Step[] {
  if (typeof step === 'object' && 'think' in step) return [step.think];
  const [name, repeat] = typeof step === 'string' ? [step, 1] : [step.statement, step.repeat];
  const statement = statements.get(name);
  if (statement === undefined) throw new Error(`there is no statement "${name}"`);
  return Array.from({ length: repeat }, () => statement);
}
