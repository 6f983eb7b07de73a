import { getExpressionAst, parse } from '@cdktn/hcl2json';
import { InfraError, messageOf } from '../errors.ts';
import { HclEvaluator, HclValueError, type Attributes, type SyntaxNode } from './hcl-value.ts';

/**
 * Reads the text of a `.tfvars` file with HashiCorp's own parser (compiled to WebAssembly), and works out its values.
 * @param where what to call the text in messages: a file's path, or a variable's name
 */
export async function parseHcl(text: string, where: string): Promise<Attributes> {
  const cannot = (detail: string, cause?: unknown): InfraError =>
    new InfraError('INPUTS_UNREADABLE', `cannot read ${where}: ${detail}`, { cause });
  try {
    await parse(where, text);
  } catch (error) {
    // The parser's own words already carry file, line and column: "[terraform.tfvars:3,7-7: Missing expression; …]".
    throw cannot(messageOf(error).replace(/^parse config: /, ''), error);
  }
  // The attributes of a file are those of an object, whose syntax tree the parser gives; lines are one further down.
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

/** Says which block there is, where only names with an equals sign may be. */
function block(text: string): string | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /^\s*\w+(?:\s+"[^"]*")*\s*\{/.test(line));
  const [, name] = /^\s*(\w+)/.exec(lines[at] ?? '') ?? [];
  return name === undefined
    ? undefined
    : `line ${at + 1}: blocks are not allowed here; did you mean ${name} = { … }?`;
}
