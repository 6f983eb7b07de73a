import {
  AttachRolePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  DeletePolicyVersionCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  ListAttachedRolePoliciesCommand,
  ListPolicyVersionsCommand,
  ListRolePoliciesCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from '@aws-sdk/client-iam';
import { list } from '../../values.ts';
import { steps, type Restoration, type Restorer } from './restorer.ts';
import { tagDifference } from './tags.ts';

/** The maximum number of versions of a policy in IAM. */
const mostVersions = 5;

const role: Restorer = {
  async set(restoration) {
    const { clients, id: RoleName, resource } = restoration;
    await steps(restoration, {
      AssumeRolePolicyDocument: async () =>
        clients.iam.send(
          new UpdateAssumeRolePolicyCommand({
            RoleName,
            PolicyDocument: JSON.stringify(resource.properties['AssumeRolePolicyDocument']),
          }),
        ),
      MaxSessionDuration: async () =>
        clients.iam.send(
          new UpdateRoleCommand({
            RoleName,
            MaxSessionDuration: Number(resource.properties['MaxSessionDuration'] ?? 3600),
          }),
        ),
      ManagedPolicyArns: async () => restoreAttached(restoration),
      Policies: async () => {
        const { PolicyNames = [] } = await clients.iam.send(
          new ListRolePoliciesCommand({ RoleName }),
        );
        for (const PolicyName of PolicyNames) {
          await clients.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
        }
      },
      Tags: async () => {
        const { Role: live } = await clients.iam.send(new GetRoleCommand({ RoleName }));
        const { wanted, unwanted } = tagDifference(resource.properties['Tags'], live?.Tags);
        if (unwanted.length > 0) {
          await clients.iam.send(new UntagRoleCommand({ RoleName, TagKeys: [...unwanted] }));
        }
        if (wanted.length > 0) {
          await clients.iam.send(new TagRoleCommand({ RoleName, Tags: [...wanted] }));
        }
      },
    });
  },
  make: async (restoration) => {
    const { clients, id: RoleName, resource } = restoration;
    const text = (name: string): string | undefined => {
      const value = resource.properties[name];
      return typeof value === 'string' ? value : undefined;
    };
    const { wanted } = tagDifference(resource.properties['Tags']);
    await clients.iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: JSON.stringify(resource.properties['AssumeRolePolicyDocument']),
        Description: text('Description'),
        Path: text('Path'),
        PermissionsBoundary: text('PermissionsBoundary'),
        MaxSessionDuration: Number(resource.properties['MaxSessionDuration'] ?? 3600),
        ...(wanted.length === 0 ? {} : { Tags: [...wanted] }),
      }),
    );
    await restoreAttached(restoration);
  },
};

async function restoreAttached({ clients, id: RoleName, resource }: Restoration): Promise<void> {
  const { AttachedPolicies = [] } = await clients.iam.send(
    new ListAttachedRolePoliciesCommand({ RoleName }),
  );
  const live = AttachedPolicies.map((policy) => policy.PolicyArn ?? '');
  const wanted = list(resource.properties['ManagedPolicyArns']).map(String);
  for (const PolicyArn of live.filter((arn) => !wanted.includes(arn))) {
    await clients.iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn }));
  }
  for (const PolicyArn of wanted.filter((arn) => !live.includes(arn))) {
    await clients.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
  }
}

const policy: Restorer = {
  async set({ clients, id: PolicyArn, resource }) {
    const { Versions = [] } = await clients.iam.send(new ListPolicyVersionsCommand({ PolicyArn }));
    const [oldest] = Versions.filter((version) => version.IsDefaultVersion !== true).toSorted(
      (a, b) => (a.CreateDate?.getTime() ?? 0) - (b.CreateDate?.getTime() ?? 0),
    );
    if (Versions.length >= mostVersions && oldest !== undefined) {
      await clients.iam.send(
        new DeletePolicyVersionCommand({ PolicyArn, VersionId: oldest.VersionId }),
      );
    }
    await clients.iam.send(
      new CreatePolicyVersionCommand({
        PolicyArn,
        PolicyDocument: JSON.stringify(resource.properties['PolicyDocument']),
        SetAsDefault: true,
      }),
    );
  },
  make: 'roles refer to the policy by its ARN: run sluice aws destroy, then sluice aws apply',
};

/** Roles and policies that the stack created. */
export const restoreRoles: Readonly<Record<string, Restorer>> = {
  'AWS::IAM::Role': role,
  'AWS::IAM::ManagedPolicy': policy,
};
