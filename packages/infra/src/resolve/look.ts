import { explainFailure, failureKind } from '../aws/failure.ts';
import type { Look } from './facts.ts';

/**
 * Makes one look-up in AWS. A missing or forbidden resource becomes part of the answer. Errors that make every further
 * look-up pointless (no credentials, no network) are thrown.
 * @param action the call, as IAM writes it
 */
export async function look<T>(
  action: string,
  region: string,
  ask: () => Promise<T | undefined>,
): Promise<Look<T>> {
  try {
    const answer = await ask();
    return answer === undefined
      ? { absent: 'missing', detail: `${action} found none` }
      : { found: answer };
  } catch (error) {
    const kind = failureKind(error);
    const failure = explainFailure(error, action, region);
    if (kind === 'credentials' || kind === 'unreachable' || kind === 'throttled') {
      throw failure;
    }
    return {
      absent: kind === 'missing' || kind === 'denied' ? kind : 'failed',
      detail: failure.message,
    };
  }
}

/** A look-up that was not made. */
export function notQueried(why: string): {
  readonly absent: 'not queried';
  readonly detail: string;
} {
  return { absent: 'not queried', detail: why };
}

/** AWS's list of `Key`, `Value` pairs as an object. */
export function tagMap(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] = [],
): Record<string, string> {
  return Object.fromEntries(tags.map((tag) => [tag.Key ?? '', tag.Value ?? '']));
}
