import { GetRoleCommand, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { Clients } from '../aws/clients.ts';
import type { Caller, Role, Simulation } from './facts.ts';

export async function readCaller(clients: Clients): Promise<Caller> {
  const answer = await clients.sts.send(new GetCallerIdentityCommand({}));
  return { account: answer.Account ?? '', arn: answer.Arn ?? '' };
}

/**
 * The role of that name. Of an ARN, only the last part is used, so that a check can name the role that exists instead.
 */
export async function readRole(clients: Clients, nameOrArn: string): Promise<Role | undefined> {
  const name = nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
  const { Role: role } = await clients.iam.send(new GetRoleCommand({ RoleName: name }));
  // IAM returns policy documents URL-encoded.
  const text = decodeURIComponent(role?.AssumeRolePolicyDocument ?? '%7B%7D');
  return role?.Arn === undefined
    ? undefined
    : { name, arn: role.Arn, trust: JSON.parse(text) as unknown };
}

/** One action that an identity needs. */
export interface Wish {
  readonly action: string;
  readonly resource: string;
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Asks IAM whether an identity may do each action; a denial comes with its reason. All calls, one for each resource,
 * run at once.
 * @param arn a user or role; for an assumed role, the underlying role is simulated
 */
export async function simulate(
  clients: Clients,
  arn: string,
  wishes: readonly Wish[],
): Promise<Simulation> {
  const source = await principal(clients, arn);
  const groups = Object.values(
    Object.groupBy(wishes, ({ resource, context }) => JSON.stringify([resource, context])),
  ).filter((group) => group !== undefined);
  const answers = await Promise.all(groups.map((group) => ask(clients, source, group)));
  return Object.fromEntries(answers.flat());
}

/** IAM's answers about several actions on one resource. */
async function ask(
  clients: Clients,
  arn: string,
  wishes: readonly Wish[],
): Promise<(readonly [wish: string, decision: string])[]> {
  const { resource = '*', context = {} } = wishes[0] ?? {};
  const answer = await clients.simulation.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn: arn,
      ActionNames: wishes.map((wish) => wish.action),
      ResourceArns: [resource],
      ContextEntries: Object.entries(context).map(([key, value]) => ({
        ContextKeyName: key,
        ContextKeyType: 'string',
        ContextKeyValues: [value],
      })),
    }),
  );
  return wishes.map(({ action }) => {
    const result = answer.EvaluationResults?.find(
      ({ EvalActionName }) => EvalActionName === action,
    );
    return [`${action} on ${resource}`, result?.EvalDecision ?? 'not evaluated'] as const;
  });
}

/**
 * The role of a session: arn:aws:sts::1:assumed-role/NAME/SESSION. The session's ARN omits the role's path, which roles
 * of IAM Identity Center have, so the role's own ARN is read from IAM.
 */
async function principal(clients: Clients, arn: string): Promise<string> {
  const [, partition, account, name] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  if (name === undefined) {
    return arn;
  }
  const own = await clients.iam
    .send(new GetRoleCommand({ RoleName: name }))
    .catch(() => ({ Role: undefined }));
  return own.Role?.Arn ?? `arn:${partition}:iam::${account}:role/${name}`;
}
