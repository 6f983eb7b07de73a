import { isRecord, list, record } from '../values.ts';

/** The question to a policy: may this principal do this action in this context? */
export interface PolicyQuestion {
  /** A service, `rds.amazonaws.com`, or an ARN. */
  readonly principal: { readonly Service: string } | { readonly AWS: string };
  readonly action: string;
  /** Condition keys with known values; conditions on other keys cannot be evaluated. */
  readonly context: Readonly<Record<string, string>>;
}

/** `unknown`: the decision depends on a condition whose key or operator is not known here. */
export type Decision = 'allowed' | 'denied' | 'not allowed' | 'unknown';

/** A decision, and the statement that made it. */
export interface Judgement {
  readonly decision: Decision;
  readonly why?: string;
}

/**
 * Whether a condition, or a whole statement, matches. IAM knows yes and no; here `unknown` means that it cannot be
 * evaluated.
 */
type Match = 'yes' | 'no' | 'unknown';

/**
 * Evaluates a resource-based policy (the trust policy of a role, a key policy) as IAM does: an explicit deny overrides
 * every allow; statements may be one object or a list; names of actions and of condition keys are case-insensitive.
 */
export function judgePolicy(policy: unknown, question: PolicyQuestion): Judgement {
  const statements = [record(policy)['Statement']].flat().filter(isRecord);
  const judged = statements.map((statement) => ({
    statement,
    match: statementMatches(statement, question),
    effect: statement['Effect'],
  }));
  const first = (effect: string, match: Match): Judgement | undefined => {
    const found = judged.find((one) => one.effect === effect && one.match === match);
    return found === undefined ? undefined : { decision: 'unknown', why: nameOf(found.statement) };
  };
  const denied = first('Deny', 'yes');
  if (denied !== undefined) {
    return { ...denied, decision: 'denied' };
  }
  const uncertain = first('Deny', 'unknown');
  const allowed = first('Allow', 'yes');
  if (allowed !== undefined) {
    return uncertain ?? { ...allowed, decision: 'allowed' };
  }
  return first('Allow', 'unknown') ?? { decision: 'not allowed' };
}

function nameOf(statement: Readonly<Record<string, unknown>>): string {
  const { Sid } = statement;
  return typeof Sid === 'string' && Sid !== '' ? Sid : JSON.stringify(statement);
}

function statementMatches(
  statement: Readonly<Record<string, unknown>>,
  question: PolicyQuestion,
): Match {
  return allOf([
    principalMatches(statement, question.principal),
    actionMatches(statement, question.action),
    conditionsMatch(statement['Condition'], question.context),
  ]);
}

function principalMatches(
  statement: Readonly<Record<string, unknown>>,
  principal: PolicyQuestion['principal'],
): Match {
  const one = (value: unknown): boolean => {
    if (value === '*') {
      return true;
    }
    const [[kind, name] = ['', '']] = Object.entries(principal);
    const own = kind === 'AWS' ? [name, ...accountOf(name), '*'] : [name];
    return texts(record(value)[kind]).some((entry) => own.includes(entry));
  };
  if ('NotPrincipal' in statement) {
    return one(statement['NotPrincipal']) ? 'no' : 'yes';
  }
  return one(statement['Principal']) ? 'yes' : 'no';
}

/** How a policy names the account of an ARN, which delegates the decision to the account's own policies. */
function accountOf(arn: string): string[] {
  const [, partition, , , account = ''] = arn.split(':');
  return account === '' ? [] : [account, `arn:${partition}:iam::${account}:root`];
}

function actionMatches(statement: Readonly<Record<string, unknown>>, action: string): Match {
  const some = (value: unknown): boolean =>
    texts(value).some((pattern) => like(pattern.toLowerCase(), action.toLowerCase()));
  if ('NotAction' in statement) {
    return some(statement['NotAction']) ? 'no' : 'yes';
  }
  return some(statement['Action']) ? 'yes' : 'no';
}

function conditionsMatch(condition: unknown, context: PolicyQuestion['context']): Match {
  const known = new Map(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]));
  return allOf(
    Object.entries(record(condition)).flatMap(([operator, keys]) =>
      Object.entries(record(keys)).map(([key, value]) =>
        conditionMatches(operator, known.get(key.toLowerCase()), texts(value)),
      ),
    ),
  );
}

/** Whether one value matches one pattern, by operator; operators with Not hold if no pattern matches. */
const operators: Readonly<Record<string, (pattern: string, value: string) => boolean>> = {
  StringEquals: (pattern, value) => pattern === value,
  StringEqualsIgnoreCase: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
  StringLike: like,
  ArnEquals: like,
  ArnLike: like,
  Bool: (pattern, value) => pattern.toLowerCase() === value.toLowerCase(),
};

function conditionMatches(
  written: string,
  value: string | undefined,
  patterns: readonly string[],
): Match {
  // With one value per key, ForAnyValue and ForAllValues are equivalent to the operator itself.
  const [, operator = ''] =
    /^(?:ForAnyValue:|ForAllValues:)?(\w+?)(?:IfExists)?$/.exec(written) ?? [];
  if (value === undefined) {
    return 'unknown';
  }
  if (operator === 'Null') {
    return patterns.includes('false') ? 'yes' : 'no';
  }
  const negated = /^(?:String|Arn)Not/.test(operator);
  const test = operators[operator.replace(/^(String|Arn)Not/, '$1')];
  if (test === undefined) {
    return 'unknown';
  }
  return patterns.some((pattern) => test(pattern, value)) === negated ? 'no' : 'yes';
}

/** IAM's wildcards: `*` for any characters, `?` for one. */
function like(pattern: string, value: string): boolean {
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(value);
}

function allOf(matches: readonly Match[]): Match {
  if (matches.includes('no')) {
    return 'no';
  }
  return matches.includes('unknown') ? 'unknown' : 'yes';
}

/** A value or a list of values, both of which IAM accepts; booleans are text in IAM, too. */
function texts(value: unknown): string[] {
  return (Array.isArray(value) ? list(value) : [value]).flatMap((entry) =>
    typeof entry === 'string' || typeof entry === 'boolean' || typeof entry === 'number'
      ? [String(entry)]
      : [],
  );
}
