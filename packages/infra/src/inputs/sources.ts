import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { InfraError, messageOf } from '../errors.ts';
import { isRecord, record } from '../values.ts';
import { parseHcl } from './hcl.ts';

/** A value as it was written, and where. */
export interface Raw {
  readonly value: unknown;
  /** A file's path, `TF_VAR_x`, or the flag. */
  readonly where: string;
  /** It is the text after `=` of a variable or flag, in which a map or list is written as HCL. */
  readonly text?: true;
}

/** An `--inputs FILE` or a `--var NAME=VALUE`, in the order in which they were typed. */
export type Argument =
  | { readonly file: string }
  | { readonly name: string; readonly value: string; readonly flag: string };

/** Where inputs may come from. */
export interface Sources {
  /** The folder whose `terraform.tfvars` and `*.auto.tfvars` are read, as Terraform does. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly arguments: readonly Argument[];
}

/**
 * Collects every value given, in Terraform's order of precedence: `TF_VAR_*`, then `terraform.tfvars`,
 * `terraform.tfvars.json`, `*.auto.tfvars` and `*.auto.tfvars.json` by name, then files and flags as typed.
 * A later one replaces an earlier one whole; maps are not merged.
 * @param known names of inputs; a `TF_VAR_` of another name is left alone, since it may belong to another project
 */
export async function collect(
  sources: Sources,
  known: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Raw>> {
  const found = new Map<string, Raw>();
  for (const [variable, value] of Object.entries(sources.environment)) {
    const name = variable.startsWith('TF_VAR_') ? variable.slice('TF_VAR_'.length) : '';
    if (known.has(name) && value !== undefined) {
      found.set(name, { value, where: variable, text: true });
    }
  }
  for (const file of await automatic(sources.directory)) {
    await addFile(found, file);
  }
  for (const argument of sources.arguments) {
    if ('file' in argument) {
      await addFile(found, argument.file);
    } else {
      found.set(argument.name, { value: argument.value, where: argument.flag, text: true });
    }
  }
  return found;
}

async function automatic(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [] as string[]);
  const first = ['terraform.tfvars', 'terraform.tfvars.json'].filter((name) =>
    names.includes(name),
  );
  const auto = names.filter((name) => /\.auto\.tfvars(?:\.json)?$/.test(name)).sort();
  return [...first, ...auto].map((name) => join(directory, name));
}

async function addFile(found: Map<string, Raw>, file: string): Promise<void> {
  const values = await readInputsFile(file);
  for (const [name, value] of Object.entries(values)) {
    found.set(name, { value, where: file });
  }
}

/** Reads one inputs file; its name says which language it is in. */
export async function readInputsFile(file: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      record(error)['code'] === 'ENOENT'
        ? `there is no inputs file ${file}`
        : `cannot read the inputs file ${file}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const kind = extname(file);
  if (kind === '.tfvars') {
    return parseHcl(text, file);
  }
  if (kind !== '.json' && kind !== '.yaml' && kind !== '.yml') {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `${basename(file)} is not an inputs file: its name must end in .tfvars, .tfvars.json, .json, .yaml or .yml`,
    );
  }
  let parsed: unknown;
  try {
    // JSON is YAML too, but JSON's own parser is stricter, as Terraform is.
    parsed = kind === '.json' ? JSON.parse(text) : parseYaml(text);
  } catch (error) {
    throw new InfraError('INPUTS_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isRecord(parsed)) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `cannot read ${file}: expected names and values at the top, found ${JSON.stringify(parsed)}`,
    );
  }
  return parsed;
}
