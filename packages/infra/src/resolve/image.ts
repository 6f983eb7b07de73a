import { DescribeImagesCommand } from '@aws-sdk/client-ecr';
import type { Clients } from '../aws/clients.ts';
import type { Image } from './facts.ts';

/** An address of an image in ECR. */
export interface EcrAddress {
  readonly account: string;
  readonly region: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/**
 * Reads an image's address: ECR's own names in every partition, with and without FIPS, and dual-stack ones.
 * 123456789012.dkr.ecr.eu-central-1.amazonaws.com, ….dkr.ecr-fips.us-gov-west-1.amazonaws.com,
 * ….dkr.ecr.cn-north-1.amazonaws.com.cn, ….dkr-ecr.eu-central-1.on.aws, ….dkr-ecr-fips.us-east-1.on.aws
 */
export function ecrAddress(image: string): EcrAddress | undefined {
  const match =
    /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)\/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(
      image,
    );
  if (match === null) {
    return undefined;
  }
  const [, account = '', region = '', repository = '', tag, digest] = match;
  return {
    account,
    region,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** Looks for the image in ECR. */
export async function readImage(
  clients: Clients,
  { account, repository, tag, digest }: EcrAddress,
): Promise<Image | undefined> {
  const wanted = digest === undefined ? { imageTag: tag ?? 'latest' } : { imageDigest: digest };
  const answer = await clients.ecr.send(
    new DescribeImagesCommand({
      registryId: account,
      repositoryName: repository,
      imageIds: [wanted],
    }),
  );
  const found = answer.imageDetails?.[0];
  return found?.imageDigest === undefined
    ? undefined
    : { repository, reference: digest ?? tag ?? 'latest', digest: found.imageDigest };
}
