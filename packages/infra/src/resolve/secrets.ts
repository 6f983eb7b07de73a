import { DescribeKeyCommand, GetKeyPolicyCommand } from '@aws-sdk/client-kms';
import { DescribeSecretCommand, GetResourcePolicyCommand } from '@aws-sdk/client-secrets-manager';
import type { Clients } from '../aws/clients.ts';
import type { KmsKey, Secret } from './facts.ts';

/** The secret with that name or ARN; its value is not read. */
export async function readSecret(clients: Clients, name: string): Promise<Secret | undefined> {
  const answer = await clients.secrets.send(new DescribeSecretCommand({ SecretId: name }));
  if (answer.ARN === undefined) {
    return undefined;
  }
  const own = await clients.secrets
    .send(new GetResourcePolicyCommand({ SecretId: answer.ARN }))
    .catch(() => undefined);
  const stages = Object.values(answer.VersionIdsToStages ?? {}).flat();
  return {
    name: answer.Name ?? name,
    arn: answer.ARN,
    ...(answer.KmsKeyId === undefined ? {} : { kmsKeyId: answer.KmsKeyId }),
    ...(answer.DeletedDate === undefined ? {} : { deletedOn: answer.DeletedDate.toISOString() }),
    hasCurrent: stages.includes('AWSCURRENT'),
    rotates: answer.RotationEnabled ?? false,
    ...(own?.ResourcePolicy === undefined
      ? {}
      : { policy: JSON.parse(own.ResourcePolicy) as unknown }),
  };
}

export async function readKey(clients: Clients, id: string): Promise<KmsKey | undefined> {
  const { KeyMetadata: key } = await clients.kms.send(new DescribeKeyCommand({ KeyId: id }));
  if (key?.Arn === undefined) {
    return undefined;
  }
  const policy = await clients.kms
    .send(new GetKeyPolicyCommand({ KeyId: key.Arn, PolicyName: 'default' }))
    .catch(() => undefined);
  return {
    arn: key.Arn,
    state: key.KeyState ?? '',
    awsManaged: key.KeyManager === 'AWS',
    ...(policy?.Policy === undefined ? {} : { policy: JSON.parse(policy.Policy) as unknown }),
  };
}
