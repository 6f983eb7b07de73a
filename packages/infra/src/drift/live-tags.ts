import { tagMap } from '../resolve/look.ts';
import { list, record } from '../values.ts';
import { Compared } from './live.ts';

type Tags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

/** The tags as a property to compare. AWS's own tags, which CloudFormation sets, are no drift. */
export function comparedTags(template: unknown, live: Tags = []): { readonly Tags: Compared } {
  const own = Object.entries(tagMap(live)).filter(([key]) => !key.startsWith('aws:'));
  return { Tags: new Compared(tagMap(list(template).map(record)), Object.fromEntries(own)) };
}
