import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  GetDownloadUrlForLayerCommand,
  type ImageIdentifier,
} from '@aws-sdk/client-ecr';
import type { Clients } from '../aws/clients.ts';
import { list, record } from '../values.ts';
import type { Image } from './facts.ts';

/** The address of an image in ECR. */
export interface EcrAddress {
  readonly account: string;
  readonly region: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/**
 * Parses an image's address: ECR's own names in every partition, with and without FIPS, and dual-stack ones:
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

/** Looks the image up in ECR, with its processor architectures. */
export async function readImage(clients: Clients, address: EcrAddress): Promise<Image | undefined> {
  const { account, repository, tag = 'latest', digest } = address;
  const imageIds = [digest === undefined ? { imageTag: tag } : { imageDigest: digest }];
  const of = { registryId: account, repositoryName: repository };
  const answer = await clients.ecr.send(new DescribeImagesCommand({ ...of, imageIds }));
  const found = answer.imageDetails?.[0];
  if (found?.imageDigest === undefined) {
    return undefined;
  }
  // The caller may lack these permissions, which nothing else needs.
  const architectures = await readArchitectures(clients, of, imageIds).catch(() => undefined);
  return {
    repository,
    reference: digest ?? tag,
    digest: found.imageDigest,
    ...(architectures === undefined || architectures.length === 0 ? {} : { architectures }),
  };
}

/**
 * An index names the platforms of its images; for a single image the platform is in its configuration, which is a
 * layer.
 */
async function readArchitectures(
  clients: Clients,
  of: { readonly registryId: string; readonly repositoryName: string },
  imageIds: ImageIdentifier[],
): Promise<string[]> {
  const { images } = await clients.ecr.send(
    new BatchGetImageCommand({
      ...of,
      imageIds,
      acceptedMediaTypes: [
        'application/vnd.oci.image.index.v1+json',
        'application/vnd.docker.distribution.manifest.list.v2+json',
        'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.docker.distribution.manifest.v2+json',
      ],
    }),
  );
  const manifest = record(JSON.parse(images?.[0]?.imageManifest ?? '{}'));
  if ('manifests' in manifest) {
    return list(manifest['manifests'])
      .map((entry) => record(record(entry)['platform']))
      .filter(({ os }) => os === 'linux')
      .map(({ architecture }) => String(architecture));
  }
  const layerDigest = String(record(manifest['config'])['digest']);
  const { downloadUrl = '' } = await clients.ecr.send(
    new GetDownloadUrlForLayerCommand({ ...of, layerDigest }),
  );
  const configuration = record(await (await fetch(downloadUrl)).json());
  return [String(configuration['architecture'])];
}
