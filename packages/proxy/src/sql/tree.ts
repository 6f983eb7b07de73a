import { bytesOf } from '@sluice/wire';
import { has, mask, union } from '../distinct.ts';
import { flagsOfBody } from './body-words.ts';
import { Flag, effectsOf, opaqueEffects } from './effects.ts';
import type { Effect, Effects } from './effects.ts';
import { harmlessFunctions, plainFunctions, plainOperators } from './known-names.ts';
import { readLoginStatement } from './login-statements.ts';
import { listOf, nodeOf, numberOf, stringOf } from './parser.ts';
import type { ParsedStatement, TreeNode } from './parser.ts';
import {
  reloadFunction,
  sessionFunctions,
  sessionRelations,
  signalFunctions,
  sqlRunningFunctions,
  transactionParameters,
} from './session-functions.ts';
import { statementKinds } from './statements.ts';
import { flagsOfParameter, readStatement } from './tree-statements.ts';
import {
  constantOf,
  inLowerCase,
  isConstant,
  isNull,
  isTrue,
  mentionsTemporary,
  namesOf,
  parameterOf,
} from './tree-values.ts';

/** Flags of statements that change data or definitions. */
const changesData = mask(Flag.Ddl, Flag.Writes);

/** The effects of a text, and whether its literals mattered. */
export interface TextReading {
  readonly effects: Effects;
  /** True if another text that differs only in literals may have other effects. */
  readonly readsLiterals: boolean;
}

/**
 * Analyzes the parse tree of a complete text of `length` bytes. `isUtf8`: how the text was decoded for the parser;
 * otherwise one character is one byte.
 */
export function readTree(
  statements: readonly ParsedStatement[],
  length: number,
  isUtf8: boolean,
): TextReading {
  const reader = new TreeReader(isUtf8);
  const positions: number[] = [];
  for (const [position, statement] of statements.entries()) {
    if (!reader.statement(statement, length)) {
      return { effects: opaqueEffects('statement'), readsLiterals: false };
    }
    while (positions.length < reader.details.length) positions.push(position);
  }
  if (statements.length === 1 && reader.isPlainRead) reader.add(Flag.PlainRead);
  return {
    effects: effectsOf(reader.flags, statements.length, reader.details, positions),
    readsLiterals: reader.readsLiterals,
  };
}

/** Walks the statements of one text and collects their effects. */
class TreeReader {
  flags: Flag = Flag.None;
  isPlainRead = false;
  readsLiterals = false;
  readonly details: Effect[] = [];
  readonly #isUtf8: boolean;

  constructor(isUtf8: boolean) {
    this.#isUtf8 = isUtf8;
  }

  /** False if the kind of statement is unknown. */
  statement(statement: ParsedStatement, textLength: number): boolean {
    if (!statementKinds.has(statement.type)) return false;
    this.isPlainRead = statement.type === 'SelectStmt' || statement.type === 'VariableShowStmt';
    if (statement.type === 'PrepareStmt') this.#prepare(statement, textLength);
    else this.#enter(statement.type, statement.node);
    return true;
  }

  /** A statement that PREPARE stores is analyzed separately: it runs at EXECUTE. */
  #prepare({ node, start, length }: ParsedStatement, textLength: number): void {
    const [inner] = Object.entries(nodeOf(node['query']));
    const body =
      inner === undefined ? [] : [{ type: inner[0], node: nodeOf(inner[1]), start: 0, length: 0 }];
    this.add(Flag.Prepare);
    this.readsLiterals = true;
    this.details.push({
      kind: 'prepare',
      name: stringOf(node['name']) ?? '',
      start,
      end: length === 0 ? textLength : start + length,
      body: readTree(body, 0, this.#isUtf8).effects,
    });
  }

  /** A statement, or one within another: EXPLAIN, COPY, WITH, CREATE TABLE AS EXECUTE, … */
  #enter(type: string, node: TreeNode): void {
    const kind = statementKinds.get(type);
    if (kind === undefined) return;
    const reading = readStatement(type, node);
    this.add(kind.flags);
    this.add(reading.flags);
    for (const detail of reading.details) this.details.push(this.#inBytes(detail));
    if (reading.readsLiterals === true) this.readsLiterals = true;
    if (has(kind.flags, changesData)) this.#logins(type, node);
    if (has(kind.flags, Flag.Writes)) this.isPlainRead = false;
    if (type === 'UpdateStmt' && nodeOf(node['relation'])['relname'] === 'pg_settings') {
      // A rule of this view calls set_config().
      this.add(mask(Flag.SetsParameter, Flag.ChangesRole));
      this.details.push({ kind: 'parameter', names: 'unknown', local: false });
    }
    if (has(kind.flags, Flag.Ddl)) {
      const drops = node['oncommit'] ?? nodeOf(node['into'])['onCommit'];
      if (drops !== 'ONCOMMIT_DROP' && mentionsTemporary(node)) this.add(Flag.TemporaryObject);
    }
    if (kind.body) this.#walk(node);
  }

  #logins(type: string, node: TreeNode): void {
    const effects = readLoginStatement(type, node);
    if (effects.length === 0) return;
    this.add(Flag.Ddl);
    this.details.push(...effects);
    // TEMPLATE can be a string.
    if (type === 'CreatedbStmt') this.readsLiterals = true;
  }

  /** Visits every node below this value. */
  #walk(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#walk(item);
      return;
    }
    const node = nodeOf(value);
    // Fields whose type the grammar fixes have no type name: these two are recognized by their content.
    if (sessionRelations.has(stringOf(node['relname']) ?? '')) {
      this.add(Flag.ReadsSession);
      this.isPlainRead = false;
    }
    if (node['funcname'] !== undefined) this.#call(node);
    for (const [key, child] of Object.entries(node)) {
      if (typeof child !== 'object' || child === null) continue;
      if (statementKinds.has(key)) this.#enter(key, nodeOf(child));
      else {
        this.#visit(key, nodeOf(child));
        this.#walk(child);
      }
    }
  }

  #visit(key: string, node: TreeNode): void {
    switch (key) {
      case 'ColumnRef':
        // `row.f` may be the call f(row): functional notation.
        this.#mention(namesOf(node['fields']).slice(1));
        break;
      case 'A_Indirection':
        this.#mention(namesOf(node['indirection']));
        break;
      case 'A_Expr':
        this.#operator(namesOf(node['name']));
        break;
      case 'SubLink':
        this.#operator(namesOf(node['operName']));
        break;
      case 'SortBy':
        this.#operator(namesOf(node['useOp']));
        break;
      case 'RangeTableSample':
        if (!/^(system|bernoulli)$/.test(namesOf(node['method']).join('.'))) this.#unknown();
        break;
      case 'intoClause':
        // SELECT INTO creates a table; CREATE TABLE AS has its clause under another key.
        this.add(Flag.Ddl);
        this.isPlainRead = false;
        if (node['onCommit'] !== 'ONCOMMIT_DROP' && mentionsTemporary(node['rel'])) {
          this.add(Flag.TemporaryObject);
        }
        break;
      case 'lockingClause':
        this.add(Flag.Writes);
        this.isPlainRead = false;
        break;
      default:
    }
  }

  #call(node: TreeNode): void {
    const names = namesOf(node['funcname']);
    const name = names.at(-1) ?? '';
    const args = listOf(node['args']);
    if (name === 'set_config') {
      this.#setConfig(args);
    } else if (name === 'pg_notify') {
      this.readsLiterals = true;
      this.isPlainRead = false;
      this.add(Flag.Notify);
      this.details.push({ kind: 'notify', channel: constantOf(args[0]) });
    } else if (sqlRunningFunctions.has(name)) {
      this.readsLiterals = true;
      this.isPlainRead = false;
      this.#runsSql(args);
    } else if (name === reloadFunction) {
      this.isPlainRead = false;
      this.add(Flag.Ddl);
      this.details.push({ kind: 'reload' });
    } else if (signalFunctions.has(name)) {
      this.isPlainRead = false;
      this.add(Flag.ReadsSession);
      this.readsLiterals = true;
      const named = namedProcess(args[0], name === 'pg_terminate_backend');
      if (named !== null) this.details.push(named);
    } else if (sessionFunctions.has(name)) {
      this.#mention([name]);
    } else if (!isOwn(names) || !harmlessFunctions.has(name)) {
      this.details.push({ kind: 'unknown call', name: names.join('.') });
      this.#unknown();
    } else if (!plainFunctions.has(name)) {
      this.isPlainRead = false;
    }
  }

  /** Parameter names as bytes, for comparison. */
  #inBytes(detail: Effect): Effect {
    if (detail.kind !== 'parameter' || typeof detail.names === 'string' || !this.#isUtf8)
      return detail;
    return { ...detail, names: detail.names.map(bytesOf) };
  }

  /** set_config(name, value, is_local): a non-constant counts as the worst case. */
  #setConfig(args: readonly unknown[]): void {
    this.readsLiterals = true;
    this.isPlainRead = false;
    const written = args.length === 3 ? constantOf(args[0]) : undefined;
    const name = written === undefined ? undefined : inLowerCase(written);
    const local = isTrue(args[2]) || (name !== undefined && transactionParameters.has(name));
    this.add(local ? Flag.SetsLocalParameter : Flag.SetsParameter);
    this.add(name === undefined ? Flag.ChangesRole : flagsOfParameter(name));
    const value = args[1];
    const valueFrom = parameterOf(value);
    this.details.push(
      this.#inBytes({
        kind: 'parameter',
        names: name === undefined ? 'unknown' : [name],
        local,
        ...(isNull(value) ? { reset: true } : {}),
        ...(isConstant(value) ? {} : { mayReset: true }),
        ...(valueFrom > 0 ? { valueFrom } : {}),
      }),
    );
  }

  /** A function that runs the SQL in one of its arguments. */
  #runsSql(args: readonly unknown[]): void {
    this.#unknown();
    for (const argument of args) {
      const flags = flagsOfBody(constantOf(argument) ?? '');
      this.add(flags);
      if (has(flags, Flag.SetsParameter)) {
        this.details.push({ kind: 'parameter', names: 'unknown', local: false });
      }
    }
  }

  add(flags: Flag): void {
    this.flags = union(this.flags, flags);
  }

  /** A name that is, or may be, that of a function which affects the session. */
  #mention(names: readonly string[]): void {
    for (const name of names) {
      if (sqlRunningFunctions.has(name)) {
        // The SQL that it runs is unknown.
        this.add(Flag.OtherState);
        this.#unknown();
      }
      if (harmlessFunctions.has(name) && !plainFunctions.has(name)) this.isPlainRead = false;
      const flag = sessionFunctions.get(name);
      if (flag === undefined) continue;
      this.isPlainRead = false;
      this.add(flag);
      this.details.push(
        flag === Flag.SetsParameter
          ? { kind: 'parameter', names: 'unknown', local: false }
          : { kind: 'call', name, flag },
      );
    }
  }

  #operator(names: readonly string[]): void {
    const name = names.at(-1);
    // BETWEEN and similar are no operators, though they are in the same position.
    if (name === undefined || /[A-Z]/.test(name)) return;
    if (!isOwn(names) || !plainOperators.has(name)) this.#unknown();
  }

  #unknown(): void {
    this.add(Flag.UnknownFunction);
    this.isPlainRead = false;
  }
}

/** The process in the argument of a call; null if the argument does not show it. */
function namedProcess(argument: unknown, ends: boolean): Effect | null {
  const typed = nodeOf(argument);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return namedProcess(nodeOf(cast)['arg'], ends);
  const parameter = nodeOf(typed['ParamRef'])['number'];
  if (typeof parameter === 'number') return { kind: 'signal', ends, parameter };
  const called = nodeOf(typed['FuncCall'])['funcname'];
  if (called !== undefined) {
    const names = namesOf(called);
    return isOwn(names) && names.at(-1) === 'pg_backend_pid'
      ? { kind: 'signal', ends, isOwn: true }
      : null;
  }
  const constant = nodeOf(typed['A_Const']);
  const processId = nodeOf(constant['ival'])['ival'];
  return typeof processId === 'number'
    ? { kind: 'signal', ends, processId, start: numberOf(constant['location']) }
    : null;
}

/** True for an unqualified name and for one in schema pg_catalog. */
function isOwn(names: readonly string[]): boolean {
  return names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog');
}
