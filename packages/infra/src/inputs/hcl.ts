import { getExpressionAst, parse } from '@cdktn/hcl2json';
import { InfraError, messageOf } from '../errors.ts';
import { HclEvaluator, HclValueError, type Attributes, type SyntaxNode } from './hcl-value.ts';

/**
 * Reads the text of a `.tfvars` file with HashiCorp's own parser (compiled to WebAssembly), and evaluates it.
 * @param where how messages refer to the text: a file's path, or a variable's name
 */
export async function parseHcl(text: string, where: string): Promise<Attributes> {
  const cannot = (detail: string, cause?: unknown): InfraError =>
    new InfraError('INPUTS_UNREADABLE', `cannot read ${where}: ${detail}`, { cause });
  try {
    await parse(where, text);
  } catch (error) {
    // The parser's message already contains file, line and column: "[terraform.tfvars:3,7-7: Missing expression; …]".
    throw cannot(messageOf(error).replace(/^parse config: /, ''), error);
  }
  // The attributes of a file are those of an object, for which the parser returns a syntax tree; line numbers are one
  // higher.
  const source = `{\n${text}\n}`;
  let tree: SyntaxNode | null;
  try {
    tree = await getExpressionAst(where, source);
  } catch (error) {
    throw cannot(block(text) ?? messageOf(error), error);
  }
  if (tree === null) {
    throw cannot(block(text) ?? 'it is no list of names and values');
  }
  try {
    return new HclEvaluator(source).attributes(tree);
  } catch (error) {
    if (error instanceof HclValueError) {
      throw new InfraError('INPUTS_UNREADABLE', `${where}:${error.line}: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Names the block in a file that may only contain names with an equals sign. */
function block(text: string): string | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /^\s*\w+(?:\s+"[^"]*")*\s*\{/.test(line));
  const [, name] = /^\s*(\w+)/.exec(lines[at] ?? '') ?? [];
  return name === undefined
    ? undefined
    : `line ${at + 1}: blocks are not allowed here; did you mean ${name} = { … }?`;
}
