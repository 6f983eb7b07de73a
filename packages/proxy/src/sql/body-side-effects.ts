import { has, mask } from '../distinct.ts';
import { Flag } from './effects.ts';
import { sessionFunctions, transactionParameters } from './session-functions.ts';

/** The possible side effects of stored code on the session that runs it. */
export interface SideEffects {
  /** The lower-case names of the parameters that it sets for the session. */
  readonly parameters: ReadonlySet<string>;
  /** It may set further parameters without naming them. */
  readonly unnamed: boolean;
  /** It may have other side effects: locks, temporary objects, cursors, prepared statements, state of C code. */
  readonly other: boolean;
}

/** Functions with side effects other than parameter values, as one alternative of a regular expression. */
const stateful = [...sessionFunctions]
  .filter(([, flag]) => has(flag, mask(Flag.AdvisoryLock, Flag.OtherState)))
  .map(([name]) => name)
  .join('|');

/** Where a statement may begin, in the body or in a string that it runs. */
const beginning = String.raw`(?:^|[;'"$]|[*]/|\\[nrt]|\y(?:begin|then|else|loop|do)\y)\s*`;

/*
 * Case-insensitive regular expressions with the same meaning in JavaScript and PostgreSQL, except \y, which is \b in
 * JavaScript.
 */
const leavesOther = [
  String.raw`\y(?:${stateful})\y`,
  // Objects that are dropped with the transaction have no side effect.
  String.raw`\y(?:create|into)\s+(?:(?:local|global)\s+)?temp(?![^;]{0,500}\yon\s+commit\s+drop\y)`,
  String.raw`\ypg_temp\y`,
  String.raw`\ywith\s+hold\y`,
  String.raw`${beginning}(?:listen|unlisten|load|discard|prepare\s+\w+\s+as|deallocate)\y`,
].join('|');
const inJavaScript = (source: string): RegExp => new RegExp(source.replaceAll('\\y', '\\b'), 'gi');
const other = inJavaScript(leavesOther);
const call = inJavaScript(String.raw`\yset_config\y`);
const unnamed = inJavaScript(String.raw`\yset_limit\y|${beginning}reset\s+all\y`);
const statement = inJavaScript(
  String.raw`${beginning}(?:set\s+(?:(session|local)\s+)?|reset\s+)(time\s+zone|session\s+authorization|transaction|constraints|characteristics|["\w$.]+)`,
);

/** The name of a parameter as a literal, possibly within a string with doubled quotes, or in a deparsed tree. */
const literal = /^'+([a-z_][\w$]*(?:\.[a-z_][\w$]*)*)'+(?:::text)?$/i;
const isTrue = /^'*(?:true|t|on|yes|1)'*(?:::bool(?:ean)?)?$/i;

/** Words of SET for a parameter with another name. */
const spelled: ReadonlyMap<string, string> = new Map([
  ['names', 'client_encoding'],
  ['schema', 'search_path'],
  ['time zone', 'timezone'],
  ['session authorization', 'session_authorization'],
]);

/** The parameters that SET SESSION CHARACTERISTICS AS TRANSACTION sets. */
const characteristics = [...transactionParameters].map((name) => `default_${name}`);

/**
 * The possible side effects of the body of a function or procedure, in any language, from its words, including those in
 * comments and strings. It does not find dynamic SQL.
 */
export function sideEffectsOf(text: string): SideEffects {
  const body = text.includes('--') ? withCommentsEnded(text) : text;
  const parameters = new Set<string>();
  let isUnnamed = body.search(unnamed) >= 0;
  for (const { index } of body.matchAll(call)) {
    const [name, , isLocal] = argumentsAt(body, index + 'set_config'.length);
    if (isLocal !== undefined && isTrue.test(isLocal)) continue;
    const named = literal.exec(name ?? '')?.[1];
    if (named === undefined) isUnnamed = true;
    else parameters.add(named.toLowerCase());
  }
  for (const [, scope, what = ''] of body.matchAll(statement)) {
    if (scope?.toLowerCase() === 'local') continue;
    const word = what.toLowerCase().replaceAll('"', '').replaceAll(/\s+/g, ' ');
    if (word === 'transaction' || word === 'constraints' || word === 'all') continue;
    if (word === 'characteristics') for (const name of characteristics) parameters.add(name);
    else parameters.add(spelled.get(word) ?? word);
  }
  for (const name of transactionParameters) parameters.delete(name);
  return { parameters, unnamed: isUnnamed, other: body.search(other) >= 0 };
}

/** A statement may begin after a comment: this ends the line of a comment with a semicolon. */
function withCommentsEnded(text: string): string {
  const lines = text.split('\n');
  return lines.map((line) => (line.includes('--') ? `${line};` : line)).join('\n');
}

/** The union of several side effects. */
export function unionOf(allSideEffects: Iterable<SideEffects>): SideEffects {
  const parameters = new Set<string>();
  let isUnnamed = false;
  let isOther = false;
  for (const sideEffects of allSideEffects) {
    for (const name of sideEffects.parameters) parameters.add(name);
    isUnnamed ||= sideEffects.unnamed;
    isOther ||= sideEffects.other;
  }
  return { parameters, unnamed: isUnnamed, other: isOther };
}

/** A call with longer arguments counts as one without names, in characters. */
const longestCall = 250;

/** The arguments of the call after its opening parenthesis, as text; none if it has no end. */
function argumentsAt(body: string, start: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let inString = false;
  const opening = body.slice(start, start + longestCall).search(/\S/);
  if (opening < 0 || body[start + opening] !== '(') return [];
  let from = start + opening + 1;
  for (let at = from; at < Math.min(body.length, from + longestCall); at++) {
    const char = body[at];
    if (char === "'") inString = !inString;
    if (inString) continue;
    if (char === '(') depth++;
    else if (char === ')' && depth-- === 0) return [...found, body.slice(from, at).trim()];
    else if (char === ',' && depth === 0) {
      found.push(body.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [];
}
