import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { InfraError, messageOf } from '../errors.ts';
import { isRecord, record } from '../values.ts';
import { exactNumber } from './hcl-operators.ts';
import { parseHcl } from './hcl.ts';

/** A value as it was written, and its position. */
export interface Raw {
  readonly value: unknown;
  /** A file's path, `TF_VAR_x`, or the flag. */
  readonly where: string;
  /** Whether it is the text after `=` of a variable or flag, in which a map or list is written in HCL. */
  readonly text?: true;
  /** Whether it comes from a file that was found and not named: an unknown name may belong to another tool. */
  readonly automatic?: true;
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
  /** Values that override everything else: those of a Terraform plan. */
  readonly base?: { readonly values: Readonly<Record<string, unknown>>; readonly where: string };
  /** Which proxy to use, if the inputs have several. */
  readonly proxy?: string;
}

/**
 * Collects every given value, in Terraform's order of precedence: `TF_VAR_*`, then `terraform.tfvars`,
 * `terraform.tfvars.json`, `*.auto.tfvars` and `*.auto.tfvars.json` by name, then files and flags as typed. A later
 * value replaces an earlier one completely; maps are not merged.
 * @param known names of inputs; a `TF_VAR_` of another name is ignored, since it may belong to another project
 */
export async function collect(
  sources: Sources,
  known: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Raw>> {
  const found = new Map<string, Raw>();
  for (const [name, value] of Object.entries(sources.base?.values ?? {})) {
    found.set(name, { value, where: sources.base?.where ?? '' });
  }
  for (const [variable, value] of Object.entries(sources.environment)) {
    const name = variable.startsWith('TF_VAR_') ? variable.slice('TF_VAR_'.length) : '';
    if (known.has(name) && value !== undefined) {
      found.set(name, { value, where: variable, text: true });
    }
  }
  for (const file of await automatic(sources.directory)) {
    await addFile(found, file, true);
  }
  for (const argument of sources.arguments) {
    if ('file' in argument) {
      await addFile(found, argument.file);
    } else {
      found.set(argument.name, { value: argument.value, where: argument.flag, text: true });
    }
  }
  return chosen(found, sources.proxy);
}

/** The names of the proxies, if the inputs have several. */
export async function proxyNames(sources: Sources): Promise<string[]> {
  const { proxy: _proxy, ...all } = sources;
  const raw = await collect(all, new Set(['proxies']));
  return Object.keys(record(raw.get('proxies')?.value));
}

/**
 * The inputs of one of several proxies: the common ones, overridden by its own. Without `proxies`, all inputs are its
 * own.
 * @throws InfraError INPUTS_INVALID if `proxies` is not a map of maps
 */
function chosen(found: Map<string, Raw>, proxy: string | undefined): ReadonlyMap<string, Raw> {
  const several = found.get('proxies');
  if (several === undefined || proxy === undefined) {
    return found;
  }
  const own = record(several.value)[proxy];
  if (!isRecord(own)) {
    throw new InfraError(
      'INPUTS_INVALID',
      `${several.where}: proxies.${proxy} must be a map of inputs, such as { rds_instance_id = "orders" }`,
    );
  }
  found.delete('proxies');
  for (const [name, value] of Object.entries(own)) {
    found.set(name, { value, where: `${several.where} proxies.${proxy}` });
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

async function addFile(found: Map<string, Raw>, file: string, automatic = false): Promise<void> {
  for (const [name, { value, line }] of await readEntries(file)) {
    const where = line === undefined ? file : `${file}:${line}`;
    found.set(name, { value, where, ...(automatic ? { automatic } : {}) });
  }
}

/** Reads one inputs file; its name determines the language. */
export async function readInputsFile(file: string): Promise<Record<string, unknown>> {
  const entries = await readEntries(file);
  return Object.fromEntries([...entries].map(([name, { value }]) => [name, value]));
}

type Entries = ReadonlyMap<string, { readonly value: unknown; readonly line?: number }>;

async function readEntries(file: string): Promise<Entries> {
  const text = await readText(file);
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
  // JSON is YAML too: one parser gives the positions for both.
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: kind !== '.json' });
  let parsed: unknown;
  try {
    parsed = kind === '.json' ? parseJson(text) : document.toJS();
    const [error] = kind === '.json' ? [] : document.errors;
    if (error !== undefined) {
      throw error;
    }
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
  const { contents } = document;
  const keys = (isMap(contents) ? contents.items : []).flatMap(({ key }) =>
    isScalar(key)
      ? [{ name: String(key.value), line: lineCounter.linePos(key.range[0]).line }]
      : [],
  );
  const lines = Map.groupBy(keys, ({ name }) => name);
  const twice = [...lines].flatMap(([name, [first, second]]) =>
    second === undefined
      ? []
      : [`${file}:${second.line}: ${name} was set already, on line ${first?.line}`],
  );
  if (twice.length > 0) {
    throw new InfraError('INPUTS_UNREADABLE', twice);
  }
  return new Map(
    Object.entries(parsed)
      // In HCL's JSON syntax, a member with this name is a comment.
      .filter(([name]) => name !== '//')
      .map(([name, value]) => {
        const line = lines.get(name)?.[0]?.line;
        return [name, { value, ...(line === undefined ? {} : { line }) }];
      }),
  );
}

/** As JavaScript reads JSON, except that large integers keep their digits. */
function parseJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined
      ? exactNumber(context.source)
      : value,
  );
}

/** The text of a file without a byte order mark. Reports a file that is not UTF-8 in one sentence. */
async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      record(error)['code'] === 'ENOENT'
        ? `there is no inputs file ${file}`
        : `cannot read the inputs file ${file}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  const [first, second] = bytes;
  const wide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  if (wide || bytes.subarray(0, 64).includes(0)) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `${file} is UTF-16, as PowerShell’s > writes it; save it as UTF-8 (Set-Content -Encoding utf8)`,
    );
  }
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
