import { Template } from '../../resolve/template.ts';
import { maxConnections } from '../../resolve/database.ts';
import { found, type ExistingProxy } from '../../resolve/facts.ts';
import { madeByStack } from '../../resolve/made.ts';
import {
  baseName,
  databaseName,
  proxyLogGroup,
  serviceLogGroup,
  stackName,
} from '../../resolve/names.ts';
import { record } from '../../values.ts';
import { budget } from '../../model/budget.ts';
import { counted } from '../../text/counted.ts';
import { failed, passed, skipped, warning, worst, type Check, type Subject } from '../check.ts';

export const forceSsl: Check = {
  code: 'PF13',
  title: 'TLS in the database',
  looks: 'rds:DescribeDBParameters, rds:DescribeDBClusterParameters',
  why: 'With rds.force_ssl off, clients that bypass the proxy may send passwords in clear text.',
  run: ({ facts }) => {
    const instance = found(facts.database);
    // In a cluster it is a parameter of the cluster; the instance's own group does not contain it.
    const look = instance?.clusterId === undefined ? facts.parameters : facts.clusterParameters;
    if (!('found' in look)) {
      return skipped(
        instance?.clusterId !== undefined && look.absent === 'not queried'
          ? 'the parameters of the cluster were not read: give DBClusterIdentifier'
          : look.detail,
      );
    }
    const where = instance?.clusterId === undefined ? 'parameter group' : 'cluster parameter group';
    const fix = `set rds.force_ssl to 1 in the ${where}`;
    const value = look.found['rds.force_ssl'];
    if (value !== undefined) {
      return value === '1'
        ? passed('rds.force_ssl is 1')
        : warning(`rds.force_ssl is ${value}`, fix);
    }
    const major = Number(instance?.engineVersion.split('.')[0] ?? 0);
    const aurora = instance?.engine.startsWith('aurora') === true;
    const since = aurora ? 17 : 15;
    const product = aurora ? 'Aurora PostgreSQL' : 'PostgreSQL';
    return major >= since
      ? passed(`rds.force_ssl is at its default, which is 1 since ${product} ${since}`)
      : warning(`rds.force_ssl is at its default, which is 0 before ${product} ${since}`, fix);
  },
};

/** Whether our own stack created the proxy. */
function isOurs(proxy: ExistingProxy, stack: string): boolean {
  return [proxy.tags['aws:cloudformation:stack-name'], proxy.tags['sluice:stack']].includes(stack);
}

export const proxyName: Check = {
  code: 'PF14',
  title: 'name of the proxy',
  looks: 'rds:DescribeDBProxies',
  why: 'A name that is in use cannot be chosen, and changing the other proxy would break its owner.',
  run: ({ inputs, facts }) => {
    const name = baseName(inputs);
    if (inputs.engine === 'sluice') {
      // It becomes the name of the load balancer, which has at most 32 characters.
      return name.length <= 32
        ? passed(name)
        : failed(
            `${name} has ${name.length} characters; a load balancer’s name has at most 32`,
            'give a shorter DBProxyName',
          );
    }
    const proxies = found(facts.proxies);
    if (proxies === undefined) {
      return skipped('the proxies could not be read');
    }
    const same = proxies.find((proxy) => proxy.name.toLowerCase() === name.toLowerCase());
    if (same === undefined) {
      return passed(`${name} is free`);
    }
    // Its tags count only while there is a stack: a retained proxy keeps them after its stack has been deleted.
    const exists = found(facts.stack) !== undefined;
    return (exists && isOurs(same, stackName(inputs))) ||
      madeByStack(facts, 'AWS::RDS::DBProxy', 'DBProxyName', same.name)
      ? passed(`${name} is this stack’s own proxy (${same.status})`)
      : failed(
          `${name} exists (${same.status}) and does not belong to the stack ${stackName(inputs)}`,
          `give another DBProxyName, for example ${name}-2; or adopt it with sluice aws adopt`,
        );
  },
};

export const quota: Check = {
  code: 'PF15',
  title: 'quota',
  looks: 'rds:DescribeDBProxies, servicequotas:ListServiceQuotas',
  why: 'An account may have 20 proxies in a region unless it has a higher quota.',
  run: ({ inputs, facts }) => {
    if (inputs.engine === 'sluice') {
      return skipped('not needed: engine sluice uses no RDS Proxy');
    }
    const proxies = found(facts.proxies);
    if (proxies === undefined) {
      return skipped('the proxies could not be read');
    }
    const most = found(facts.proxyQuota) ?? 20;
    const ours = proxies.some((proxy) => isOurs(proxy, stackName(inputs)));
    const detail = `${proxies.length} of ${most} proxies in ${inputs.aws_region}${'found' in facts.proxyQuota ? '' : ' (the default quota; yours could not be read)'}`;
    return proxies.length < most || ours
      ? passed(detail)
      : failed(detail, 'remove a proxy, or ask for a higher quota (Service Quotas, RDS, Proxies)');
  },
};

export const logGroup: Check = {
  code: 'PF16',
  title: 'log group',
  looks: 'logs:DescribeLogGroups',
  why: 'RDS creates the group itself, without an expiry; if it already exists, the template must not create it again, and its class cannot be changed.',
  run: ({ inputs, facts }) => {
    if (!inputs.ManageLogGroup) {
      return passed('its owner manages it: ManageLogGroup is false');
    }
    const groups = found(facts.logGroups);
    const name = logGroupName({ inputs, facts });
    if (groups === undefined) {
      return skipped('the log groups could not be read');
    }
    const group = groups.find((one) => one.name === name);
    if (group === undefined) {
      return passed(`${name} is created with a retention of ${inputs.LogRetentionInDays} days`);
    }
    const ours = madeByStack(facts, 'AWS::Logs::LogGroup', 'LogGroupName', name);
    const wanted = inputs.engine === 'sluice' ? 'STANDARD' : inputs.LogGroupClass;
    if (group.class !== wanted) {
      const detail = `${name} has the class ${group.class}, which cannot become ${wanted}`;
      // Without the metrics in its logs, engine sluice cannot scale.
      return ours || inputs.engine === 'sluice'
        ? failed(
            detail,
            `${inputs.engine === 'sluice' ? '' : `set LogGroupClass = "${group.class}", or `}delete the group with its logs: aws logs delete-log-group --log-group-name ${name}`,
          )
        : warning(
            detail,
            `set LogGroupClass = "${group.class}", or delete the group with its logs`,
          );
    }
    return ours
      ? passed(`${name} belongs to this stack`)
      : passed(
          `${name} exists already, so it stays outside the stack; apply sets its retention to ${inputs.LogRetentionInDays} days`,
        );
  },
};

function logGroupName({ inputs, facts }: Subject): string {
  if (inputs.engine === 'sluice') {
    return serviceLogGroup(baseName(inputs));
  }
  return proxyLogGroup(new Template(found(facts.stack)?.template).proxyName() ?? baseName(inputs));
}

export const share: Check = {
  code: 'PF17',
  title: 'share of connections',
  looks: 'rds:DescribeDBParameters, rds:DescribeDBProxyTargetGroups, rds:DescribeDBProxyTargets',
  why: 'Proxies on one database share max_connections, and nothing else checks that their shares fit.',
  run: ({ inputs, facts }) => {
    const instance = found(facts.database);
    if (instance === undefined) {
      return skipped('the database is not known');
    }
    const most = maxConnections(
      found(facts.parameters)?.['max_connections'],
      found(facts.capacity),
    );
    const proxies = found(facts.proxies);
    const others = (proxies ?? []).filter(
      (proxy) =>
        !isOurs(proxy, stackName(inputs)) &&
        proxy.targets.some((id) => id === instance.identifier || id === instance.clusterId),
    );
    const taken = others.reduce((sum, proxy) => sum + (proxy.maxConnectionsPercent ?? 100), 0);
    const sum = taken + inputs.MaxConnectionsPercent;
    if (sum > 100) {
      const names = others.map((proxy) => `${proxy.name} ${proxy.maxConnectionsPercent ?? 100} %`);
      return warning(
        `the proxies on ${instance.identifier} may together use ${sum} % of max_connections: ${names.join(', ')}, this one ${inputs.MaxConnectionsPercent} %`,
        `set MaxConnectionsPercent so that the sum is at most 100`,
      );
    }
    const detail = `${inputs.MaxConnectionsPercent} % of max_connections${most === undefined ? '' : ` (${most})`}`;
    const verdicts = [
      proxies === undefined
        ? skipped(`${detail}; the shares of other proxies could not be read`)
        : passed(`${detail}, ${taken} % taken by other proxies`),
    ];
    if (inputs.engine === 'sluice' && most !== undefined) {
      const fit = budget(inputs, most);
      verdicts.push(fit.fits ? passed(fit.detail) : failed(fit.detail, fit.fix));
    }
    return worst(verdicts);
  },
};

export const tags: Check = {
  code: 'PF18',
  title: 'tags',
  looks: 'inputs',
  why: 'AWS rejects an invalid tag only when the resource is created.',
  run: ({ inputs }) => {
    const count = Object.keys(inputs.rds_proxy_tags).length;
    // Two of the fifty tags that AWS permits are this tool's own.
    return count <= 48
      ? passed(counted(count, 'tag'))
      : failed(
          `${count} tags are given; 48 are left beside this tool’s own two`,
          'give fewer tags',
        );
  },
};

/** The database of a deployed stack; undefined if its metadata does not name one. */
function stackDatabase(template: Readonly<Record<string, unknown>>): string | undefined {
  const { database } = record(record(template['Metadata'])['Sluice']);
  return typeof database === 'string' ? database : undefined;
}

export const stackState: Check = {
  code: 'PF19',
  title: 'state of the stack',
  looks: 'cloudformation:DescribeStacks',
  why: 'A stack that is busy or broken cannot be updated.',
  run: ({ inputs, facts }) => {
    const name = stackName(inputs);
    if (!('found' in facts.stack)) {
      const { absent, detail } = facts.stack;
      if (absent === 'not queried') {
        return skipped(detail);
      }
      // Without the template nothing can be compared with what is deployed.
      return absent === 'missing'
        ? passed(`${name} does not exist yet`)
        : failed(
            `${name} could not be read: ${detail}`,
            'let the caller’s policy allow cloudformation:DescribeStacks and cloudformation:GetTemplate',
          );
    }
    const { status, reason, template } = facts.stack.found;
    const why = reason === undefined || reason === '' ? '' : ` (${reason})`;
    const owner = stackDatabase(template);
    if (owner !== undefined && owner !== databaseName(inputs)) {
      return failed(
        `${name} belongs to the database ${owner}, not ${databaseName(inputs)}`,
        'give another DBProxyName, StackName or Workspace',
      );
    }
    if (/^(?:ROLLBACK_COMPLETE|ROLLBACK_FAILED|CREATE_FAILED)$/.test(status)) {
      return warning(
        `${name} is ${status}: an earlier creation failed${why}`,
        'nothing to do: apply removes what is left first',
      );
    }
    if (status === 'DELETE_FAILED' || status === 'UPDATE_ROLLBACK_FAILED') {
      return failed(
        `${name} is ${status}${why}`,
        status === 'DELETE_FAILED'
          ? 'run sluice aws destroy again'
          : `aws cloudformation continue-update-rollback --stack-name ${name}`,
      );
    }
    if (status.endsWith('_IN_PROGRESS') && status !== 'REVIEW_IN_PROGRESS') {
      return warning(
        `${name} is ${status}`,
        'wait until it has finished, or resume your own interrupted apply with --wait',
      );
    }
    return passed(`${name} is ${status}`);
  },
};
