import {
  BackendCode,
  TransactionStatus,
  bindComplete,
  buildErrorResponse,
  buildMessage,
  closeComplete,
  noData,
  noParameters,
  parseComplete,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { ScriptedServer, dataRow } from '../scripted-server.ts';

/** The error for a refused text. */
class Refusal extends Error {
  readonly fields: ErrorFields;

  constructor(sqlstate: string, message: string, routine = '') {
    super(message);
    this.fields = { severity: 'ERROR', sqlstate, message, routine };
  }
}

/** RowDescription of one column of text. */
const oneColumn = buildMessage(
  BackendCode.RowDescription,
  Buffer.from([0, 1]),
  Buffer.from('text\0'),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
);

interface Prepared {
  readonly text: string;
  /** As far as it was known when it was created: for EXECUTE, what the name referred to then. */
  readonly hasRows: boolean;
}

/** Statements that return one row with their text. */
const returnsRows = /^SELECT \d+$/;

/** Ends a failed transaction. */
const ends = /^(?:ROLLBACK|COMMIT)$/;

/** A name in SQL, quoted or not. */
const named = /^(\w+) (?:PREPARE )?"?([^\s";(]+)"?(?:.*? AS (.*))?$/s;

/**
 * A database with statements as in PostgreSQL: those of Parse and of SQL PREPARE with common names, the unnamed one,
 * portals, and the effects of errors on transactions and pipelines.
 */
export class ModelServer extends ScriptedServer {
  readonly #prepared = new Map<string, Prepared>();
  #unnamed: Prepared | null = null;
  readonly #portals = new Map<string, Prepared>();
  #isSkipping = false;

  protected override answerTo(code: string, body: Buffer): Buffer[] {
    if (code === 'S') {
      this.#isSkipping = false;
      return [this.#ready()];
    }
    if (this.#isSkipping) return [];
    const [first = '', second = ''] = body.toString('latin1').split('\0');
    if (code === 'Q') return this.#query(first);
    try {
      return this.#extended(code, first, second);
    } catch (error) {
      this.#isSkipping = true;
      return [this.#refusal(error)];
    }
  }

  #query(text: string): Buffer[] {
    this.#unnamed = null;
    const answers: Buffer[] = [];
    try {
      for (const statement of text.split(';')) {
        if (returnsRows.test(this.#meant(statement.trim()))) answers.push(oneColumn);
        answers.push(...this.#run(statement.trim()));
      }
    } catch (error) {
      // Its description would have come with its rows.
      if (answers.at(-1) === oneColumn) answers.pop();
      answers.push(this.#refusal(error));
    }
    return [...answers, this.#ready()];
  }

  #extended(code: string, first: string, second: string): Buffer[] {
    switch (code) {
      case 'P':
        if (first === '') this.#unnamed = null;
        this.#mayRun(second);
        if (second.includes('bad')) throw new Refusal('42P01', `no such table: ${second}`);
        if (first === '') this.#unnamed = this.#made(second);
        else this.#prepare(first, second);
        return [parseComplete];
      case 'B': {
        const { text } = this.#statement(second);
        this.#mayRun(text);
        this.#portals.set(first, this.#made(text));
        return [bindComplete];
      }
      case 'D': {
        const isStatement = first.startsWith('S');
        const name = first.slice(1);
        const { text, hasRows } = isStatement ? this.#statement(name) : this.#portal(name);
        if (hasRows) this.#mayRun(text);
        return [...(isStatement ? [noParameters] : []), hasRows ? oneColumn : noData];
      }
      case 'E':
        return this.#run(this.#portal(first).text);
      case 'C':
        if (first === 'S') this.#unnamed = null;
        else if (first.startsWith('S')) this.#prepared.delete(first.slice(1));
        return [closeComplete];
      default:
        return [];
    }
  }

  /** The statement that a SQL EXECUTE runs. */
  #meant(text: string): string {
    const [, word, name = ''] = named.exec(text) ?? [];
    return word === 'EXECUTE' ? (this.#prepared.get(name)?.text ?? '') : text;
  }

  #run(text: string): Buffer[] {
    this.#mayRun(text);
    const [, word, name = '', body = ''] = named.exec(text) ?? [];
    let tag = text.split(' ')[0] ?? '';
    if (text === 'BEGIN' || text.startsWith('BEGIN '))
      this.status = TransactionStatus.InTransaction;
    else if (ends.test(text)) {
      if (this.status === TransactionStatus.Failed) tag = 'ROLLBACK';
      this.status = TransactionStatus.Idle;
    } else if (text === 'DEALLOCATE ALL') {
      this.#prepared.clear();
      tag = text;
    } else if (word === 'DEALLOCATE') {
      if (!this.#prepared.delete(name)) throw missing(name);
    } else if (word === 'PREPARE') this.#prepare(name, body);
    else if (word === 'EXECUTE') return this.#run(this.#statement(name).text);
    else if (text.includes('bad')) throw new Refusal('42P01', `no such table: ${text}`);
    const rows = returnsRows.test(text) ? [dataRow([text])] : [];
    return [...rows, buildMessage(BackendCode.CommandComplete, Buffer.from(`${tag}\0`))];
  }

  #mayRun(text: string): void {
    if (this.status === TransactionStatus.Failed && !ends.test(text))
      throw new Refusal('25P02', 'current transaction is aborted');
  }

  #prepare(name: string, text: string): void {
    if (this.#prepared.has(name))
      throw new Refusal(
        '42P05',
        `prepared statement "${name}" already exists`,
        'StorePreparedStatement',
      );
    this.#prepared.set(name, this.#made(text));
  }

  #made(text: string): Prepared {
    return { text, hasRows: returnsRows.test(this.#meant(text)) };
  }

  #statement(name: string): Prepared {
    const statement = name === '' ? this.#unnamed : this.#prepared.get(name);
    if (statement == null) throw missing(name);
    return statement;
  }

  #portal(name: string): Prepared {
    const portal = this.#portals.get(name);
    if (portal === undefined) throw new Refusal('34000', `portal "${name}" does not exist`);
    return portal;
  }

  #refusal(error: unknown): Buffer {
    if (!(error instanceof Refusal)) throw error;
    if (this.status === TransactionStatus.InTransaction) this.status = TransactionStatus.Failed;
    return buildErrorResponse(error.fields);
  }

  #ready(): Buffer {
    if (this.status === TransactionStatus.Idle) this.#portals.clear();
    return buildMessage(BackendCode.ReadyForQuery, Buffer.from([this.status]));
  }
}

function missing(name: string): Refusal {
  return name === ''
    ? new Refusal('26000', 'unnamed prepared statement does not exist', 'exec_bind_message')
    : new Refusal('26000', `prepared statement "${name}" does not exist`, 'FetchPreparedStatement');
}
