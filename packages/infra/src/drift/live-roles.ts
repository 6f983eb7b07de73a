import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import { Compared, type LiveReader } from './live.ts';
import { comparedTags } from './live-tags.ts';

/** IAM's default, in seconds. */
const defaultSession = 3600;

const role: LiveReader = async ({ clients, resource, id }) => {
  const [described, attached, inline] = await Promise.all([
    clients.iam.send(new GetRoleCommand({ RoleName: id })),
    clients.iam.send(new ListAttachedRolePoliciesCommand({ RoleName: id })),
    clients.iam.send(new ListRolePoliciesCommand({ RoleName: id })),
  ]);
  const arns = (attached.AttachedPolicies ?? []).map((policy) => policy.PolicyArn);
  const names = inline.PolicyNames ?? [];
  return {
    AssumeRolePolicyDocument: document(described.Role?.AssumeRolePolicyDocument),
    MaxSessionDuration: new Compared(
      resource.properties['MaxSessionDuration'] ?? defaultSession,
      described.Role?.MaxSessionDuration ?? defaultSession,
    ),
    ManagedPolicyArns: arns.length === 0 ? undefined : arns,
    // The stack creates no inline policies, because they escape review.
    Policies: names.length === 0 ? undefined : names,
    ...comparedTags(resource.properties['Tags'], described.Role?.Tags),
  };
};

const policy: LiveReader = async ({ clients, id }) => {
  const { Policy: described } = await clients.iam.send(new GetPolicyCommand({ PolicyArn: id }));
  const { PolicyVersion: version } = await clients.iam.send(
    new GetPolicyVersionCommand({ PolicyArn: id, VersionId: described?.DefaultVersionId }),
  );
  return { PolicyDocument: document(version?.Document) };
};

/** IAM returns policy documents URL-encoded. */
function document(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(decodeURIComponent(text));
}

/** Roles and policies that the stack created. */
export const liveRoles: Readonly<Record<string, LiveReader>> = {
  'AWS::IAM::Role': role,
  'AWS::IAM::ManagedPolicy': policy,
};
