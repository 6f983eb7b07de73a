import { Token, type CfnTag } from 'aws-cdk-lib';

/** Ids in one order, whatever order they came in; a list that is only known at deployment stays as it is. */
export function ordered(ids: readonly string[]): string[] {
  return Token.isUnresolved(ids) ? [...ids] : [...ids].sort();
}

/** Tags as CloudFormation writes them. */
export function tagList(tags: Readonly<Record<string, string>> = {}): Required<CfnTag>[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}
