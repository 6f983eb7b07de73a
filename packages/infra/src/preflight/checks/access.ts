import type { Inputs } from '../../inputs/table.ts';
import { found, type Deep, type Facts, type Look, type Secret } from '../../resolve/facts.ts';
import { baseName, databaseName, secretNames, usesDatabaseTokens } from '../../resolve/names.ts';
import { judgePolicy, type Decision } from '../../resolve/policy.ts';
import { partitionOf, suffixOf } from '../../resolve/role-wishes.ts';
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

const ownRoles = 'engine sluice creates its own roles';

export const role: Check = {
  code: 'PF08',
  title: 'role',
  looks: 'iam:GetRole',
  why: 'RDS must be able to assume the role; otherwise the proxy is created and never gets a password.',
  run: ({ inputs, facts }) => {
    if (inputs.engine === 'sluice') {
      return skipped(`not needed: ${ownRoles}`);
    }
    const described = found(facts.role);
    if (inputs.CreateRole) {
      return passed(`${inputs.rds_proxy_role ?? 'the role'} is created by this stack`);
    }
    if (described === undefined) {
      return notFound(
        facts.role,
        `correct rds_proxy_role (${inputs.rds_proxy_role}), or let CreateRole = true make it`,
      );
    }
    const { rds_proxy_role: given = '' } = inputs;
    if (given.startsWith('arn:') && given !== described.arn) {
      return failed(
        `there is no role ${given}; the role ${described.name} is ${described.arn}`,
        'correct rds_proxy_role: the ARN must be that of the role, with its path',
      );
    }
    const { decision, why = '' } = judgePolicy(described.trust, {
      principal: { Service: 'rds.amazonaws.com' },
      action: 'sts:AssumeRole',
      context: {
        'aws:SourceAccount': inputs.aws_account_id,
        'aws:SourceArn': proxyArn(inputs, facts),
      },
    });
    const fix =
      'let its trust policy allow sts:AssumeRole to the service rds.amazonaws.com, without a condition or with aws:SourceAccount equal to aws_account_id';
    switch (decision) {
      case 'allowed':
        return passed(`${described.arn} trusts rds.amazonaws.com`);
      case 'denied':
        return failed(
          `the trust policy of ${described.name} denies sts:AssumeRole to rds.amazonaws.com: ${why}`,
          'remove that statement, or exclude RDS from it',
        );
      case 'unknown':
        return warning(
          `whether the trust policy of ${described.name} lets RDS assume it depends on conditions that cannot be evaluated here: ${why}`,
          fix,
        );
      default:
        return failed(
          `the trust policy of ${described.name} does not let rds.amazonaws.com in account ${inputs.aws_account_id} assume it`,
          fix,
        );
    }
  },
};

/** The ARN that RDS sends as aws:SourceArn: that of the existing proxy, or one in the format of the future proxy's. */
function proxyArn(inputs: Inputs, facts: Facts): string {
  const own = found(facts.proxies)?.find((proxy) => proxy.name === baseName(inputs));
  const { aws_region: region, aws_account_id: account } = inputs;
  return (
    own?.arn ?? `arn:${partitionOf(region)}:rds:${region}:${account}:db-proxy:prx-0123456789abcdef0`
  );
}

export const roleRights: Check = {
  code: 'PF09',
  title: 'permissions of the role',
  looks: 'iam:SimulatePrincipalPolicy, kms:DescribeKey',
  why: 'A role that cannot read or decrypt the secret shows only as AUTH_FAILURE in a debug log.',
  run: (subject) => {
    const { inputs, facts } = subject;
    const keys = keyVerdicts(subject);
    if (inputs.engine === 'sluice' || inputs.CreateRole) {
      const rights = rightsMade(subject);
      return worst([passed(`the role is created with what it needs: ${rights}`), ...keys]);
    }
    if (!('found' in facts.roleRights)) {
      return worst([
        ...keys.filter((verdict) => verdict.status === 'failed'),
        skipped(`unknown: ${facts.roleRights.detail}`),
      ]);
    }
    const simulated = Object.keys(facts.roleRights.found).length;
    if (simulated === 0) {
      return worst([
        ...keys.filter((verdict) => verdict.status === 'failed'),
        skipped('nothing was simulated: no secret was found that the role would have to read'),
      ]);
    }
    const denied = Object.entries(facts.roleRights.found).filter(
      ([, decision]) => decision !== 'allowed',
    );
    const rights =
      denied.length === 0
        ? passed(
            `${inputs.rds_proxy_role} is allowed ${Object.keys(facts.roleRights.found).join(', ')}`,
          )
        : failed(
            denied
              .map(([wish, decision]) => `${inputs.rds_proxy_role}: ${wish}: ${decision}`)
              .join('; '),
            'let its policy allow secretsmanager:GetSecretValue on the complete ARN of the secret, kms:Decrypt on its key (if it is not the aws/secretsmanager key) with kms:ViaService, and with DefaultAuthScheme IAM_AUTH rds-db:connect on the database',
          );
    return worst([rights, ...keys]);
  },
};

function rightsMade({ inputs }: Subject): string {
  const names = secretNames(inputs);
  return [
    ...(names.length === 0 ? [] : [`secretsmanager:GetSecretValue on ${names.join(', ')}`]),
    ...((
      inputs.engine === 'sluice'
        ? usesDatabaseTokens(inputs)
        : inputs.DefaultAuthScheme === 'IAM_AUTH'
    )
      ? [`rds-db:connect on ${databaseName(inputs)}`]
      : []),
  ].join('; ');
}

/** Keys and secrets have their own policies, which IAM's simulation of the role ignores. */
function keyVerdicts(subject: Subject): Verdict[] {
  const keys = Object.entries(subject.facts.keys).map(([id, look]) => {
    const key = found(look);
    if (key === undefined) {
      return notFound(look, `the key ${id} of the secret is gone; encrypt the secret with another`);
    }
    if (key.state !== 'Enabled') {
      return failed(`the key ${id} of the secret is ${key.state}`, 'enable the key');
    }
    const judged =
      key.awsManaged || key.policy === undefined
        ? 'allowed'
        : decisionFor(subject, key.policy, 'kms:Decrypt');
    return judged === 'denied' || judged === 'not allowed'
      ? failed(
          `the policy of the key ${id} does not let ${reader(subject)} decrypt`,
          'let the key’s policy allow kms:Decrypt to the role, or to the account',
        )
      : passed(`the key ${id} is enabled`);
  });
  const secrets = Object.values(subject.facts.secrets).flatMap((look) => {
    const secret = found(look);
    return secret?.policy !== undefined &&
      decisionFor(subject, secret.policy, 'secretsmanager:GetSecretValue') === 'denied'
      ? [
          failed(
            `the resource policy of ${secret.name} denies ${reader(subject)} to read it`,
            'remove that statement, or exclude the role from it',
          ),
        ]
      : [];
  });
  return [...keys, ...secrets];
}

/** Whom a policy has to permit: the given role; of a role that does not exist yet, only the account is known. */
function reader({ inputs, facts }: Subject): string {
  const { aws_region: region, aws_account_id: account } = inputs;
  return found(facts.role)?.arn ?? `arn:${partitionOf(region)}:iam::${account}:root`;
}

function decisionFor(subject: Subject, policy: unknown, action: string): Decision {
  const { aws_region: region, aws_account_id: account } = subject.inputs;
  return judgePolicy(policy, {
    principal: { AWS: reader(subject) },
    action,
    context: {
      'kms:ViaService': `secretsmanager.${region}.${suffixOf(region)}`,
      'kms:CallerAccount': account,
    },
  }).decision;
}

export const secrets: Check = {
  code: 'PF10',
  title: 'secrets',
  looks: 'secretsmanager:DescribeSecret',
  why: 'A secret that is missing, scheduled for deletion or without a current version provides no password.',
  run: ({ inputs, facts }) => {
    const looks = Object.entries(facts.secrets).map(([name, look]) => secret(name, look));
    if (inputs.engine === 'sluice' && inputs.TlsSecretName !== undefined) {
      looks.push(secret(inputs.TlsSecretName, facts.tlsSecret));
    }
    if (inputs.engine === 'sluice' && inputs.ImageCredentialsSecretName !== undefined) {
      looks.push(secret(inputs.ImageCredentialsSecretName, facts.imageSecret));
    }
    return looks.length === 0 ? skipped('no secret is used: IAM_AUTH on both legs') : worst(looks);
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
  run: (subject) => eachSecret(subject, valueVerdict),
};

/** The verdict on every secret that was read. */
function eachSecret({ facts: { deep } }: Subject, verdict: (secret: Deep) => Verdict): Verdict {
  if (!('found' in deep)) {
    return skipped(deep.detail);
  }
  return deep.found.length === 0 ? skipped('no secret is used') : worst(deep.found.map(verdict));
}

function valueVerdict({ secret: name, json, user, hasPassword }: Deep): Verdict {
  const fix = 'store JSON such as {"username":"app","password":"…"}';
  if (!json) {
    return failed(`${name} is not a JSON object`, fix);
  }
  const missing = [user === undefined ? 'username' : [], hasPassword ? [] : 'password'].flat();
  return missing.length === 0
    ? passed(`${name}: user ${user}, with a password`)
    : failed(`${name} has no ${missing.join(' and no ')}`, fix);
}

export const login: Check = {
  code: 'PF12',
  title: 'login to the database',
  looks: 'a PostgreSQL connection (only with --deep)',
  why: 'A stale password, a role’s connection limit or a full database stops the proxy, whatever the template says.',
  run: (subject) => eachSecret(subject, loginVerdict),
};

function loginVerdict({ login: look, user, secret: name }: Deep): Verdict {
  if (!('found' in look)) {
    return refused(look, name);
  }
  const { inUse, maxConnections, reserved, roleLimit, passwordKind, tls } = look.found;
  const detail = `user ${user} logged in${tls ? ' with TLS' : ' without TLS'}; ${inUse} of ${maxConnections} connections in use; passwords are stored as ${passwordKind}`;
  const free = maxConnections - reserved - inUse;
  if (free <= 0) {
    return failed(`${detail}; none is free`, 'close idle connections, or raise max_connections');
  }
  return roleLimit >= 0 && roleLimit < maxConnections - reserved
    ? warning(
        `${detail}; the role’s own limit is ${roleLimit}`,
        `alter role ${user} connection limit -1`,
      )
    : passed(detail);
}

function refused(look: Exclude<Look<unknown>, { found: unknown }>, secretName: string): Verdict {
  if (look.absent === 'not queried') {
    return skipped(look.detail);
  }
  // Only an answer of the server proves that a password is wrong; a timeout only proves that the server is unreachable
  // from here.
  return /authentication failed|no pg_hba|does not exist|too many/.test(look.detail)
    ? failed(
        `the database refuses the login: ${look.detail}`,
        `correct the user name and password in ${secretName}, or the role in the database`,
      )
    : warning(
        `the database cannot be reached from here: ${look.detail}`,
        'run the command inside the VPC to check this',
      );
}
