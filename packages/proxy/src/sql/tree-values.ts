import { listOf, nodeOf, numberOf, stringOf } from './parser.ts';
import type { TreeNode } from './parser.ts';

/** A dotted name from a list of String nodes; '*' represents other nodes. */
export function namesOf(list: unknown): string[] {
  return listOf(list).map((item) => stringOf(nodeOf(nodeOf(item)['String'])['sval']) ?? '*');
}

/** The value of a string constant without its casts, if the node is one. */
export function constantOf(node: unknown): string | undefined {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return constantOf(nodeOf(cast)['arg']);
  return stringOf(nodeOf(nodeOf(typed['A_Const'])['sval'])['sval']);
}

/** True for the constant NULL, with any casts. */
export function isNull(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return isNull(nodeOf(cast)['arg']);
  return nodeOf(typed['A_Const'])['isnull'] === true;
}

/** The number of the parameter ($1 is 1) that the node is, with any casts; 0 if it is something else. */
export function parameterOf(node: unknown): number {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return parameterOf(nodeOf(cast)['arg']);
  return numberOf(nodeOf(typed['ParamRef'])['number']);
}

/** True for any constant, with any casts. */
export function isConstant(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  return cast === undefined ? typed['A_Const'] !== undefined : isConstant(nodeOf(cast)['arg']);
}

/** True only for the constant TRUE, with any casts. */
export function isTrue(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return isTrue(nodeOf(cast)['arg']);
  return nodeOf(nodeOf(typed['A_Const'])['boolval'])['boolval'] === true;
}

const temporarySchema = /^pg_temp(_\d+)?$/;

/** True if there is a TEMP relation, or a name in the temporary schema, anywhere below. */
export function mentionsTemporary(value: unknown): boolean {
  if (typeof value === 'string') return temporarySchema.test(value);
  if (Array.isArray(value)) return value.some(mentionsTemporary);
  const node: TreeNode = nodeOf(value);
  return node['relpersistence'] === 't' || Object.values(node).some(mentionsTemporary);
}

/** The lower-case name of a parameter: only ASCII letters are folded, as in PostgreSQL's comparison. */
export function inLowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
