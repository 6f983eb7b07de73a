import { list, record } from '../../values.ts';

/**
 * The tags to set and the keys to remove, so that a resource has the tags of the template. AWS's own tags are not
 * touched.
 */
export interface TagDifference {
  readonly wanted: readonly { readonly Key: string; readonly Value: string }[];
  readonly unwanted: readonly string[];
}

export function tagDifference(
  template: unknown,
  live: readonly { readonly Key?: string | undefined }[] = [],
): TagDifference {
  const wanted = list(template)
    .map(record)
    .map((tag) => ({ Key: String(tag['Key']), Value: String(tag['Value']) }));
  const keys = new Set(wanted.map((tag) => tag.Key));
  return {
    wanted,
    unwanted: live.flatMap(({ Key: key = '' }) =>
      keys.has(key) || key.startsWith('aws:') ? [] : [key],
    ),
  };
}
