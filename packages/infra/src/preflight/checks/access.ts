import { found, type Look, type Secret } from '../../resolve/facts.ts';
import { isRecord, list, record } from '../../values.ts';
import {
  failed,
  notFound,
  passed,
  skipped,
  warning,
  worst,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

const ownRoles = 'engine sluice makes roles of its own';

export const role: Check = {
  code: 'PF08',
  title: 'role',
  looks: 'iam:GetRole',
  why: 'RDS must be able to take on the role; if not, the proxy is made and never gets a password.',
  run: ({ inputs, facts }) => {
    if (inputs.engine === 'sluice') {
      return skipped(`not needed: ${ownRoles}`);
    }
    const described = found(facts.role);
    if (inputs.CreateRole) {
      return passed(`${inputs.rds_proxy_role} is made by this stack`);
    }
    if (described === undefined) {
      return notFound(
        facts.role,
        `correct rds_proxy_role (${inputs.rds_proxy_role}), or let CreateRole = true make it`,
      );
    }
    const statements = list(record(described.trust)['Statement']).map(record);
    const trusting = statements.filter(trustsRds);
    if (trusting.length === 0) {
      return failed(
        `the trust policy of ${described.name} does not let rds.amazonaws.com take it on`,
        'add to its trust policy: Effect Allow, Principal Service rds.amazonaws.com, Action sts:AssumeRole',
      );
    }
    const accounts = trusting.flatMap(sourceAccounts);
    return accounts.length > 0 && !accounts.includes(inputs.aws_account_id)
      ? failed(
          `the trust policy of ${described.name} asks for aws:SourceAccount ${accounts.join(', ')}`,
          `let the condition name ${inputs.aws_account_id}`,
        )
      : passed(`${described.arn} trusts rds.amazonaws.com`);
  },
};

function trustsRds(statement: Record<string, unknown>): boolean {
  const service = record(statement['Principal'])['Service'];
  const actions = [statement['Action']].flat();
  return (
    statement['Effect'] === 'Allow' &&
    [service].flat().includes('rds.amazonaws.com') &&
    actions.some((action) => action === 'sts:AssumeRole' || action === 'sts:*' || action === '*')
  );
}

function sourceAccounts(statement: Record<string, unknown>): unknown[] {
  return Object.values(record(statement['Condition']))
    .filter(isRecord)
    .flatMap((condition) =>
      Object.entries(condition)
        .filter(([key]) => key.toLowerCase() === 'aws:sourceaccount')
        .flatMap(([, value]) => value),
    );
}

export const roleRights: Check = {
  code: 'PF09',
  title: 'rights of the role',
  looks: 'iam:SimulatePrincipalPolicy, kms:DescribeKey',
  why: 'A role that may not read the secret, or not decrypt it, shows only as AUTH_FAILURE in a debug log.',
  run: (subject) => {
    const { inputs, facts } = subject;
    const keys = keyVerdicts(subject);
    if (inputs.engine === 'sluice' || inputs.CreateRole) {
      return worst([passed('the role is made with the rights that it needs'), ...keys]);
    }
    if (!('found' in facts.roleRights)) {
      return worst([
        ...keys.filter((verdict) => verdict.status === 'failed'),
        skipped(`not known: ${facts.roleRights.told}`),
      ]);
    }
    const denied = Object.entries(facts.roleRights.found).filter(
      ([, decision]) => decision !== 'allowed',
    );
    const rights =
      denied.length === 0
        ? passed(`${inputs.rds_proxy_role} may read and decrypt the secret`)
        : failed(
            denied
              .map(([wish, decision]) => `${inputs.rds_proxy_role}: ${wish}: ${decision}`)
              .join('; '),
            'let its policy allow secretsmanager:GetSecretValue on the complete ARN of the secret, and kms:Decrypt on its key (if it is not the aws/secretsmanager key) with kms:ViaService',
          );
    return worst([rights, ...keys]);
  },
};

function keyVerdicts({ facts }: Subject): Verdict[] {
  return Object.entries(facts.keys).map(([id, look]) => {
    const key = found(look);
    if (key === undefined) {
      return notFound(look, `the key ${id} of the secret is gone; encrypt the secret with another`);
    }
    return key.state === 'Enabled'
      ? passed(`the key ${id} is enabled`)
      : failed(`the key ${id} of the secret is ${key.state}`, 'enable the key');
  });
}

export const secrets: Check = {
  code: 'PF10',
  title: 'secrets',
  looks: 'secretsmanager:DescribeSecret',
  why: 'A secret that is missing, scheduled for deletion or without a current version gives nobody a password.',
  run: ({ inputs, facts }) => {
    const looks = Object.entries(facts.secrets).map(([name, look]) => secret(name, look));
    if (inputs.engine === 'sluice' && inputs.TlsSecretName !== undefined) {
      looks.push(secret(inputs.TlsSecretName, facts.tlsSecret));
    }
    return looks.length === 0 ? skipped('no secret was looked for') : worst(looks);
  },
};

function secret(name: string, look: Look<Secret>): Verdict {
  const described = found(look);
  if (described === undefined) {
    return notFound(look, `correct the secret’s name (${name}), or make the secret`);
  }
  if (described.deletedOn !== undefined) {
    return failed(
      `${name} is scheduled for deletion on ${described.deletedOn}`,
      `restore it: aws secretsmanager restore-secret --secret-id ${name}`,
    );
  }
  return described.hasCurrent
    ? passed(`${name} is ${described.arn}`)
    : failed(`${name} has no version labelled AWSCURRENT`, 'put a value into the secret');
}

export const secretValue: Check = {
  code: 'PF11',
  title: 'value of the secret',
  looks: 'secretsmanager:GetSecretValue (only with --deep)',
  why: 'The value must be JSON with a user name and a password; anything else is AUTH_FAILURE later.',
  run: ({ inputs, facts }) => {
    if (!('found' in facts.deep)) {
      return skipped(facts.deep.told);
    }
    const { json, user, hasPassword } = facts.deep.found;
    const mend = 'store JSON such as {"username":"app","password":"…"}';
    if (!json) {
      return failed(`${inputs.rds_secret_name} is not a JSON object`, mend);
    }
    const missing = [user === undefined ? 'username' : [], hasPassword ? [] : 'password'].flat();
    return missing.length === 0
      ? passed(`user ${user}, with a password`)
      : failed(`${inputs.rds_secret_name} has no ${missing.join(' and no ')}`, mend);
  },
};

export const login: Check = {
  code: 'PF12',
  title: 'login to the database',
  looks: 'a PostgreSQL connection (only with --deep)',
  why: 'A stale password, a role’s connection limit or a full database stop the proxy, whatever the template says.',
  run: ({ facts, inputs }) => {
    if (!('found' in facts.deep)) {
      return skipped(facts.deep.told);
    }
    const { login: look, user } = facts.deep.found;
    if (!('found' in look)) {
      return refused(look, inputs.rds_secret_name);
    }
    const { inUse, maxConnections, reserved, roleLimit, passwordKind, tls } = look.found;
    const told = `user ${user} logged in${tls ? ' with TLS' : ' without TLS'}; ${inUse} of ${maxConnections} connections in use; passwords are kept as ${passwordKind}`;
    const free = maxConnections - reserved - inUse;
    if (free <= 0) {
      return failed(`${told}; none is free`, 'close idle connections, or raise max_connections');
    }
    if (roleLimit >= 0 && roleLimit < maxConnections - reserved) {
      return warning(
        `${told}; the role’s own limit is ${roleLimit}`,
        `alter role ${user} connection limit -1`,
      );
    }
    return passed(told);
  },
};

function refused(look: Exclude<Look<unknown>, { found: unknown }>, secretName: string): Verdict {
  if (look.absent === 'not asked') {
    return skipped(look.told);
  }
  // Only an answer of the server proves a wrong password; a timeout only proves that this machine is elsewhere.
  return /authentication failed|no pg_hba|does not exist|too many/.test(look.told)
    ? failed(
        `the database refuses the login: ${look.told}`,
        `correct the user name and password in ${secretName}, or the role in the database`,
      )
    : warning(
        `the database could not be reached from here: ${look.told}`,
        'run the command from within the VPC to have this checked',
      );
}
