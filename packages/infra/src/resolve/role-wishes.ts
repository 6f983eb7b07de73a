import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { Inputs } from '../inputs/table.ts';
import { found, type Facts, type Secret } from './facts.ts';
import type { Wish } from './identity.ts';

/**
 * The permissions that the role of a managed proxy needs: to read its secrets, and to decrypt those with their own
 * keys.
 */
export function roleWishes(
  inputs: Inputs,
  secrets: readonly Secret[],
  keys: Facts['keys'],
): Wish[] {
  const { aws_region: region } = inputs;
  return secrets.flatMap((secret) => {
    const look = secret.kmsKeyId === undefined ? undefined : keys[secret.kmsKeyId];
    const key = look === undefined ? undefined : found(look);
    return [
      { action: 'secretsmanager:GetSecretValue', resource: secret.arn },
      // The secret may name its key by id or alias; policies need the ARN.
      ...(key === undefined || key.awsManaged
        ? []
        : [
            {
              action: 'kms:Decrypt',
              resource: key.arn,
              context: {
                'kms:ViaService': `secretsmanager.${region}.${suffixOf(region)}`,
              },
            },
          ]),
    ];
  });
}

/** The partition of a region: aws, aws-cn, aws-us-gov, … */
export function partitionOf(region: string): string {
  return RegionInfo.get(region).partition ?? 'aws';
}

/** The domain of a region's services: amazonaws.com, amazonaws.com.cn, … */
export function suffixOf(region: string): string {
  return RegionInfo.get(region).domainSuffix ?? 'amazonaws.com';
}
