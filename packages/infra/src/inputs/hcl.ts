import { parse } from '@cdktn/hcl2json';
import { InfraError, messageOf } from '../errors.ts';

/**
 * Reads the text of a `.tfvars` file with HashiCorp's own parser (compiled to WebAssembly).
 * @param where what to call the text in messages: a file's path, or a variable's name
 */
export async function parseHcl(text: string, where: string): Promise<Record<string, unknown>> {
  let parsed: Record<string, unknown>;
  try {
    parsed = await parse(where, text);
  } catch (error) {
    // The parser's own words already carry file, line and column: "[terraform.tfvars:3,7-7: Missing expression; …]".
    const told = messageOf(error).replace(/^parse config: /, '');
    throw new InfraError('INPUTS_UNREADABLE', `cannot read ${where}: ${told}`, { cause: error });
  }
  const problems = Object.entries(parsed).flatMap(([name, value]) => expressions(name, value));
  if (problems.length > 0) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      problems.map((problem) => `${where}: ${problem}`),
    );
  }
  return parsed;
}

/** An inputs file holds values; the parser hands expressions on as text in `${…}`, which Terraform refuses here too. */
function expressions(path: string, value: unknown): string[] {
  if (typeof value === 'string') {
    return /(?<!\$)\$\{/.test(value)
      ? [`${path} is the expression ${value}; an inputs file takes plain values only`]
      : [];
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => expressions(`${path}.${key}`, inner));
  }
  return [];
}
