import { Token, type CfnTag } from 'aws-cdk-lib';

/**
 * Sorted ids, so that the order of the input does not matter; a list that is only known at deployment stays as it is.
 */
export function ordered(ids: readonly string[]): string[] {
  return Token.isUnresolved(ids) ? [...ids] : [...ids].sort();
}

/** Tags as CloudFormation writes them. */
export function tagList(tags: Readonly<Record<string, string>> = {}): Required<CfnTag>[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}
