import type { DeployedStack } from '../resolve/facts.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { isRecord, list, record } from '../values.ts';

/** By logical id, what AWS calls a resource. */
export type PhysicalIds = Readonly<Record<string, string>>;

/** The stack's resources, with references to each other as the ids that they stand for. */
export function resolvedResources(stack: DeployedStack, physical: PhysicalIds): TemplateResource[] {
  const { resources } = new Template(stack.template);
  const types = Object.fromEntries(resources.map(({ id, type }) => [id, type]));
  // arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/…
  const [, partition = 'aws', , region = '', account = ''] = stack.id.split(':');
  // Of these two CloudFormation's id is the name; other attributes that are used are the id itself.
  const arns: Readonly<Record<string, string>> = {
    'AWS::Logs::LogGroup': `arn:${partition}:logs:${region}:${account}:log-group:ID:*`,
    'AWS::IAM::Role': `arn:${partition}:iam::${account}:role/ID`,
  };
  const attribute = (id: string, name: string): string | undefined => {
    const own = physical[id];
    const arn = name === 'Arn' ? arns[types[id] ?? ''] : undefined;
    return own === undefined ? undefined : (arn?.replace('ID', () => own) ?? own);
  };
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      return value.map(resolve);
    }
    // What is joined of several parts stays as it is: not all of them can be known here.
    if (!isRecord(value) || 'Fn::Join' in value) {
      return value;
    }
    const { Ref: reference } = value;
    const [id, name] = list(value['Fn::GetAtt']);
    if (typeof reference === 'string') {
      return physical[reference] ?? reference;
    }
    if (typeof id === 'string' && typeof name === 'string') {
      return attribute(id, name) ?? id;
    }
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolve(entry)]));
  };
  return resources.map((resource) => ({
    ...resource,
    properties: record(resolve(resource.properties)),
  }));
}
