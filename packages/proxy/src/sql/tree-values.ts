import { listOf, nodeOf, numberOf, stringOf } from './parser.ts';
import type { TreeNode } from './parser.ts';

/** A dotted name, as lists of String nodes write it; '*' stands for what is no name. */
export function namesOf(list: unknown): string[] {
  return listOf(list).map((item) => stringOf(nodeOf(nodeOf(item)['String'])['sval']) ?? '*');
}

/** The value of a string constant, casts looked through, if the node is one. */
export function constantOf(node: unknown): string | undefined {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return constantOf(nodeOf(cast)['arg']);
  return stringOf(nodeOf(nodeOf(typed['A_Const'])['sval'])['sval']);
}

/** True for the constant NULL, casts looked through. */
export function isNull(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return isNull(nodeOf(cast)['arg']);
  return nodeOf(typed['A_Const'])['isnull'] === true;
}

/** The number of the parameter ($1 is 1) that the node is, casts looked through; 0 when it is something else. */
export function parameterOf(node: unknown): number {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return parameterOf(nodeOf(cast)['arg']);
  return numberOf(nodeOf(typed['ParamRef'])['number']);
}

/** True for any constant, casts looked through. */
export function isConstant(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  return cast === undefined ? typed['A_Const'] !== undefined : isConstant(nodeOf(cast)['arg']);
}

/** True only for the constant TRUE, casts looked through. */
export function isTrue(node: unknown): boolean {
  const typed = nodeOf(node);
  const cast = typed['TypeCast'];
  if (cast !== undefined) return isTrue(nodeOf(cast)['arg']);
  return nodeOf(nodeOf(typed['A_Const'])['boolval'])['boolval'] === true;
}

const temporarySchema = /^pg_temp(_\d+)?$/;

/** True when a relation written as TEMP, or a name in the temporary schema, is anywhere below. */
export function mentionsTemporary(value: unknown): boolean {
  if (typeof value === 'string') return temporarySchema.test(value);
  if (Array.isArray(value)) return value.some(mentionsTemporary);
  const node: TreeNode = nodeOf(value);
  return node['relpersistence'] === 't' || Object.values(node).some(mentionsTemporary);
}

/** The name of a parameter in lower case: letters of ASCII only, as PostgreSQL compares such names. */
export function inLowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
