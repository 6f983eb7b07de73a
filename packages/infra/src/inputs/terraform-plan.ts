import { readFile } from 'node:fs/promises';
import { InfraError, messageOf } from '../errors.ts';
import { isRecord, list, record } from '../values.ts';

/** The inputs that a Terraform plan describes, and which values are known only after an apply. */
export interface PlannedInputs {
  readonly values: Readonly<Record<string, unknown>>;
  /** Sentences that name what could not be read from the plan, since Terraform does not know it yet. */
  readonly unknown: readonly string[];
}

interface Resource {
  readonly address: string;
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads the aws_db_proxy resources from a plan: `terraform show -json tfplan > tfplan.json`.
 * @param address which proxy, if the plan has several
 * @throws InfraError INPUTS_UNREADABLE if it is no plan, or has no proxy or several
 */
export async function readTerraformPlan(file: string, address?: string): Promise<PlannedInputs> {
  let plan: unknown;
  try {
    plan = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InfraError('INPUTS_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isRecord(plan) || !isRecord(plan['planned_values'])) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `${file} is no Terraform plan as JSON; make one with terraform show -json PLAN > ${file}`,
    );
  }
  return inputsOf(
    resourcesOf(record(record(plan['planned_values'])['root_module'])),
    file,
    address,
  );
}

/** All resources of a module and the modules in it. */
function resourcesOf(module: Readonly<Record<string, unknown>>): Resource[] {
  const own = list(module['resources'])
    .map(record)
    .map((resource) => ({
      address: String(resource['address']),
      type: String(resource['type']),
      values: record(resource['values']),
    }));
  return [...own, ...list(module['child_modules']).flatMap((inner) => resourcesOf(record(inner)))];
}

function inputsOf(
  resources: readonly Resource[],
  file: string,
  address: string | undefined,
): PlannedInputs {
  const proxies = resources.filter(
    (one) => one.type === 'aws_db_proxy' && (address === undefined || one.address === address),
  );
  const [proxy] = proxies;
  if (proxy === undefined || proxies.length > 1) {
    const names = proxies.map((one) => one.address).join(', ');
    throw new InfraError(
      'INPUTS_UNREADABLE',
      proxy === undefined
        ? `${file} has no aws_db_proxy${address === undefined ? '' : ` ${address}`}`
        : `${file} has several proxies (${names}); say which one with --address`,
    );
  }
  const name = proxy.values['name'];
  const beside = (type: string): Resource[] =>
    resources.filter(
      (one) =>
        one.type === type &&
        (one.values['db_proxy_name'] === name || one.values['db_proxy_name'] === undefined),
    );
  const target = beside('aws_db_proxy_target')[0]?.values ?? {};
  const group = beside('aws_db_proxy_default_target_group')[0]?.values ?? {};
  const pool = record(list(group['connection_pool_config'])[0]);
  const auth = list(proxy.values['auth']).map(record);
  const [first, ...others] = auth;
  const given: Readonly<Record<string, unknown>> = {
    DBProxyName: name,
    rds_proxy_role: proxy.values['role_arn'],
    SubnetIds: proxy.values['vpc_subnet_ids'],
    SecurityGroupIds: proxy.values['vpc_security_group_ids'],
    RequireTLS: proxy.values['require_tls'],
    IdleClientTimeout: proxy.values['idle_client_timeout'],
    DebugLogging: proxy.values['debug_logging'],
    DefaultAuthScheme: proxy.values['default_auth_scheme'],
    rds_proxy_tags: proxy.values['tags'],
    rds_secret_name: first?.['secret_arn'],
    IAMAuth: first?.['iam_auth'],
    Auth: others.map((entry) => ({ SecretName: entry['secret_arn'], IAMAuth: entry['iam_auth'] })),
    rds_instance_id: target['db_instance_identifier'],
    DBClusterIdentifier: target['db_cluster_identifier'],
    MaxConnectionsPercent: pool['max_connections_percent'],
    MaxIdleConnectionsPercent: pool['max_idle_connections_percent'],
    ConnectionBorrowTimeout: pool['connection_borrow_timeout'],
    InitQuery: pool['init_query'],
    DBProxyEndpoints: beside('aws_db_proxy_endpoint').map(({ values }) => ({
      DBProxyEndpointName: values['db_proxy_endpoint_name'],
      TargetRole: values['target_role'],
      VpcSubnetIds: values['vpc_subnet_ids'],
      VpcSecurityGroupIds: values['vpc_security_group_ids'],
    })),
    engine: 'rds-proxy',
  };
  const known = Object.entries(given).filter(
    ([, value]) =>
      value !== undefined &&
      value !== null &&
      value !== '' &&
      !(Array.isArray(value) && value.length === 0),
  );
  const wanted = ['rds_proxy_role', 'SubnetIds', 'SecurityGroupIds', 'rds_secret_name'];
  return {
    values: Object.fromEntries(known),
    unknown: wanted
      .filter((input) => !known.some(([one]) => one === input))
      .map(
        (input) =>
          `${proxy.address}: what ${input} would be is known only after terraform apply; give it with --var, or check again afterwards`,
      ),
  };
}
