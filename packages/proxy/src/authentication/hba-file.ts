import { isIP } from 'node:net';
import { errorText } from '../settings/error-text.ts';
import { settingsTable } from '../settings/table.ts';
import { addressTest, databaseTest, typeTest, userTest } from './auth-rule.ts';
import type { AuthMethod, AuthOptions, AuthRequest, AuthRule } from './auth-rule.ts';
import { readHbaLines } from './hba-tokens.ts';
import type { HbaField, HbaLine } from './hba-tokens.ts';
import { nameOrPattern } from './name-map.ts';
import type { NameMapLine } from './name-map.ts';

/** The supported methods of PostgreSQL, and the proxy's own. */
const methods: readonly AuthMethod[] = settingsTable.ClientAuth.fields.Method.values;

/** Unsupported methods: matching clients are refused. */
const otherMethods = new Set(['peer', 'ident', 'gss', 'sspi', 'ldap', 'radius', 'pam', 'bsd']);

/** The options that hold a text, by their names in the file. */
const textOptions = new Map<
  string,
  'Map' | 'Issuer' | 'Audience' | 'Scope' | 'UserClaim' | 'KeySetUrl'
>([
  ['map', 'Map'],
  ['issuer', 'Issuer'],
  ['audience', 'Audience'],
  ['scope', 'Scope'],
  ['user_claim', 'UserClaim'],
  ['key_set_url', 'KeySetUrl'],
]);

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

type Test = (request: AuthRequest) => boolean;

/** The content of a pg_hba.conf. */
export interface HbaFile {
  readonly rules: readonly AuthRule[];
  /** One sentence for each unsupported line. */
  readonly warnings: readonly string[];
}

/**
 * Parses a pg_hba.conf. Without `hasSocket`, no client can be on a Unix socket, so lines for `local` are left out.
 * Throws an Error with the line number if it is invalid.
 */
export function readHbaFile(text: string, file: string, hasSocket = false): HbaFile {
  const rules: AuthRule[] = [];
  const warnings: string[] = [];
  for (const line of readHbaLines(text)) {
    if (line.fields[0]?.[0]?.text === 'local' && !hasSocket) {
      warnings.push(
        `${file}, line ${line.line}: it is for local connections, and ListenSocket is not set, so it matches no client`,
      );
      continue;
    }
    const rule = readRule(line, file);
    rules.push(rule);
    if (rule.unsupported !== null)
      warnings.push(`${rule.where}: ${rule.unsupported}; the proxy refuses clients that may match`);
    else if (rule.method === 'trust')
      warnings.push(`${rule.where}: matching clients are not authenticated (trust)`);
  }
  return { rules, warnings };
}

function readRule({ line, fields }: HbaLine, file: string): AuthRule {
  const refuse = (why: string): Error => new Error(`line ${line}: ${why}`);
  const type = fields[0]?.[0]?.text ?? '';
  const [databases, users, ...rest] = fields.slice(1);
  const tests: Test[] = [];
  const problems: string[] = [];
  /** An unsupported condition may match any client. */
  const add = (make: () => Test): void => {
    try {
      tests.push(make());
    } catch (error) {
      if (error instanceof TypeError || error instanceof SyntaxError) throw refuse(error.message);
      problems.push(errorText(error));
    }
  };
  if (/^include(_if_exists|_dir)?$/.test(type)) {
    return unsupportedRule(`${file}, line ${line}`, `${type} is not supported`);
  }
  const byType = typeTest(type);
  if (byType === null) throw refuse(`"${type}" is not a connection type`);
  const isLocal = type === 'local';
  if (databases === undefined || users === undefined || (!isLocal && rest.length === 0))
    throw refuse('expected a type, databases, users, addresses and a method');
  tests.push(byType);
  add(() => databaseTest(databases));
  add(() => userTest(users));
  if (!isLocal) {
    const addresses = (rest.shift() ?? []).map(({ text }) => text);
    const first = rest[0]?.[0]?.text ?? '';
    const hasMask = isIP(first) !== 0 && !addresses.some((text) => text.includes('/'));
    add(() => addressTest(addresses, hasMask ? first : undefined));
    if (hasMask) rest.shift();
  }
  const [methodField, ...optionFields] = rest;
  const named = methodField?.[0]?.text ?? '';
  const method = methods.find((each) => each === named) ?? 'reject';
  if (otherMethods.has(named)) problems.push(`the method ${named} is not supported`);
  else if (method !== named) throw refuse(`"${named}" is not an authentication method`);
  const given = readOptions(optionFields, refuse, problems);
  if ((method === 'jwt' || method === 'oauth') && problems.length === 0) {
    if (given.Issuer === undefined || given.Audience === undefined)
      problems.push(`the method ${method} needs issuer="…" and audience="…"`);
  }
  if (method === 'sts' && given.Map === undefined) problems.push('the method sts needs map=…');
  return {
    where: `${file}, line ${line}`,
    method: problems.length > 0 ? 'reject' : method,
    options: given,
    unsupported: problems.length > 0 ? problems.join(', ') : null,
    fits: (request) => tests.every((test) => test(request)),
  };
}

function readOptions(
  fields: readonly HbaField[],
  refuse: (why: string) => Error,
  problems: string[],
): AuthOptions {
  const given: Writable<AuthOptions> = { ClientCert: 'no', Scope: '', UserClaim: 'sub' };
  for (const { text } of fields.flat()) {
    const at = text.indexOf('=');
    if (at < 0) throw refuse(`"${text}" is not an option`);
    const name = text.slice(0, at);
    const value = text.slice(at + 1);
    // The proxy itself verifies OAuth tokens, whatever validator module PostgreSQL has.
    if (name === 'validator' || name === 'delegate_ident_mapping') continue;
    const option = textOptions.get(name);
    if (option !== undefined) given[option] = value;
    else if (name !== 'clientcert') problems.push(`the option ${name} is not supported`);
    else if (value === 'verify-ca' || value === 'verify-full') given.ClientCert = value;
    else throw refuse(`clientcert is "${value}"; it must be verify-ca or verify-full`);
  }
  return given;
}

function unsupportedRule(where: string, unsupported: string): AuthRule {
  return {
    where,
    method: 'reject',
    options: { ClientCert: 'no', Scope: '', UserClaim: 'sub' },
    unsupported,
    fits: () => true,
  };
}

/** Parses a pg_ident.conf. Throws an Error with the line number if it is invalid or not supported. */
export function readIdentFile(text: string): NameMapLine[] {
  return readHbaLines(text).map(({ line, fields }) => {
    const [map, systemUser, user] = fields.map((field) => field[0]);
    if (map === undefined || systemUser === undefined || user === undefined)
      throw new Error(`line ${line}: expected a map name, a system user name and a user name`);
    if (!user.isQuoted && user.text.startsWith('+'))
      throw new Error(`line ${line}: the user ${user.text} is not supported`);
    try {
      return {
        map: map.text,
        systemUser: nameOrPattern(systemUser.text),
        user: nameOrPattern(user.text),
      };
    } catch (error) {
      throw new Error(`line ${line}: ${errorText(error)}`, { cause: error });
    }
  });
}
