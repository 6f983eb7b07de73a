import {
  DescribeStacksCommand,
  GetTemplateCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import { paginateDescribeLogGroups } from '@aws-sdk/client-cloudwatch-logs';
import {
  DescribeDBProxyTargetGroupsCommand,
  DescribeDBProxyTargetsCommand,
  ListTagsForResourceCommand,
  paginateDescribeDBProxies,
  type DBProxy,
} from '@aws-sdk/client-rds';
import { paginateListServiceQuotas } from '@aws-sdk/client-service-quotas';
import { parse } from 'yaml';
import type { Clients } from '../aws/clients.ts';
import { failureKind } from '../aws/failure.ts';
import { record } from '../values.ts';
import type { DeployedStack, ExistingLogGroup, ExistingProxy } from './facts.ts';
import { tagMap } from './look.ts';

/** All proxies of the region, with their targets. */
export async function readProxies(clients: Clients): Promise<ExistingProxy[]> {
  const proxies: DBProxy[] = [];
  for await (const page of paginateDescribeDBProxies({ client: clients.rds }, {})) {
    proxies.push(...(page.DBProxies ?? []));
  }
  return Promise.all(proxies.map(async (proxy) => describe(clients, proxy)));
}

async function describe(clients: Clients, proxy: DBProxy): Promise<ExistingProxy> {
  const name = proxy.DBProxyName ?? '';
  const arn = proxy.DBProxyArn ?? '';
  const [tags, groups, targets] = await Promise.all([
    clients.rds.send(new ListTagsForResourceCommand({ ResourceName: arn })),
    clients.rds.send(new DescribeDBProxyTargetGroupsCommand({ DBProxyName: name })),
    clients.rds.send(new DescribeDBProxyTargetsCommand({ DBProxyName: name })),
  ]);
  const percent = groups.TargetGroups?.[0]?.ConnectionPoolConfig?.MaxConnectionsPercent;
  return {
    name,
    arn,
    status: proxy.Status ?? '',
    endpoint: proxy.Endpoint ?? '',
    tags: tagMap(tags.TagList),
    targets: (targets.Targets ?? []).flatMap((target) =>
      [target.RdsResourceId, target.TrackedClusterId].filter((id) => id !== undefined),
    ),
    ...(percent === undefined ? {} : { maxConnectionsPercent: percent }),
  };
}

/** The maximum number of proxies of the account in the region. */
export async function readProxyQuota(clients: Clients): Promise<number | undefined> {
  const pages = paginateListServiceQuotas({ client: clients.quotas }, { ServiceCode: 'rds' });
  for await (const page of pages) {
    const quota = page.Quotas?.find(({ QuotaName }) => QuotaName === 'Proxies');
    if (quota?.Value !== undefined) {
      return quota.Value;
    }
  }
  return undefined;
}

/** The log groups whose names start with the prefix. */
export async function readLogGroups(clients: Clients, prefix: string): Promise<ExistingLogGroup[]> {
  const groups: ExistingLogGroup[] = [];
  const pages = paginateDescribeLogGroups({ client: clients.logs }, { logGroupNamePrefix: prefix });
  for await (const page of pages) {
    groups.push(
      ...(page.logGroups ?? []).map(({ logGroupName: name = '', logGroupClass }) => ({
        name,
        // Emulators and older APIs omit the default.
        class: logGroupClass ?? 'STANDARD',
      })),
    );
  }
  return groups;
}

/** The stack of that name, with its template; undefined if there is none. */
export async function readStack(
  clients: Clients,
  name: string,
): Promise<DeployedStack | undefined> {
  const stack = await findStack(clients, name);
  if (stack === undefined || stack.StackStatus === 'DELETE_COMPLETE') {
    return undefined;
  }
  const described = describeStack(stack, name);
  return isBuilt(described.status)
    ? { ...described, template: await readTemplate(clients, name) }
    : { ...described, template: {}, outputs: {} };
}

/**
 * Whether a stack with that status has ever been created completely. One that waits for the review of its first change
 * set has not. The remains of a failed creation have a template and no resources: the next apply removes them and
 * starts again.
 */
export function isBuilt(status: string): boolean {
  return !/^(?:REVIEW_IN_PROGRESS|ROLLBACK_COMPLETE|ROLLBACK_FAILED|CREATE_FAILED)$/.test(status);
}

/** CloudFormation has no separate error for a missing stack: the message of a ValidationError says it. */
async function findStack(clients: Clients, name: string): Promise<Stack | undefined> {
  try {
    const answer = await clients.cloudFormation.send(
      new DescribeStacksCommand({ StackName: name }),
    );
    return answer.Stacks?.[0];
  } catch (error) {
    if (failureKind(error) === 'missing') {
      return undefined;
    }
    throw error;
  }
}

function describeStack(stack: Stack, name: string): Omit<DeployedStack, 'template'> {
  return {
    id: stack.StackId ?? '',
    name,
    status: stack.StackStatus ?? '',
    ...(stack.StackStatusReason === undefined ? {} : { reason: stack.StackStatusReason }),
    outputs: Object.fromEntries(
      (stack.Outputs ?? []).map((output) => [output.OutputKey ?? '', output.OutputValue ?? '']),
    ),
    tags: tagMap(stack.Tags),
    ...(stack.EnableTerminationProtection === true ? { protected: true } : {}),
    topics: stack.NotificationARNs ?? [],
  };
}

async function readTemplate(clients: Clients, name: string): Promise<Record<string, unknown>> {
  const answer = await clients.cloudFormation.send(
    new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }),
  );
  // CDK's toolkit sends templates as YAML 1.1, of which JSON is a subset.
  return record(parse(answer.TemplateBody ?? '{}', { schema: 'yaml-1.1' }));
}
