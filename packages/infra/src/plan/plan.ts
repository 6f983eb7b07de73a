import type { Prepared } from '../actions/prepare.ts';
import type { Clients } from '../aws/clients.ts';
import { readDrift, type Drift } from '../drift/drift.ts';
import { irreparable } from '../drift/restore/restore.ts';
import { budget } from '../model/budget.ts';
import type { Finding } from '../preflight/check.ts';
import { found, type DeployedStack } from '../resolve/facts.ts';
import { maxConnections } from '../resolve/database.ts';
import { baseName, stackName, usesDatabaseTokens } from '../resolve/names.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import { violations, type SecurityReport } from '../security/report.ts';
import { outputKeys } from '../synth/outputs.ts';
import { wantedSettings } from '../model/stack-settings.ts';
import { changesBetween, summaryOf, type Change, type ChangeSummary } from './changes.ts';
import { compareCost, type CostComparison } from './cost.ts';
import { endpointChange, type EndpointChange } from './endpoints.ts';
import { stackChanges } from './stack-change.ts';

/** What an apply would do, and whether it would succeed. */
export interface Plan {
  /** Version of the format of this document; increases if a change would break readers of the previous one. */
  readonly version: 1;
  readonly stack: string;
  readonly proxy: string;
  readonly engine: 'rds-proxy' | 'sluice';
  /**
   * `blocked`: a check or a security rule forbids the apply; `changes`: there are changes, or drift that an apply
   * reverts; `none`: everything is as in the inputs.
   */
  readonly verdict: 'blocked' | 'changes' | 'none';
  readonly checks: readonly Finding[];
  readonly security?: SecurityReport;
  readonly summary: ChangeSummary;
  readonly changes: readonly Change[];
  readonly endpoint?: EndpointChange;
  readonly drift: readonly PlannedDrift[];
  readonly cost: CostComparison;
  readonly notes: readonly string[];
  /** What forbids the apply, in addition to checks and rules. */
  readonly obstacles: readonly string[];
  /** The ids of the named resources; `synth --resolved` accepts them as a file. */
  readonly resolved?: Resolved;
  /** Files, variables and flags that the inputs came from. */
  readonly origins: Readonly<Record<string, string>>;
}

/** Drift, and what an apply does about it. */
export interface PlannedDrift extends Drift {
  /** Why an apply cannot revert it; absent if it can. */
  readonly irreparable?: string;
}

/** Makes the plan. Only reads. */
export async function makePlan(prepared: Prepared): Promise<Plan> {
  const { inputs, facts, checks, design, deployed } = prepared;
  const capacity = found(facts.capacity);
  const template = deployed?.template ?? {};
  const changes =
    design === undefined
      ? []
      : [
          ...(await changesBetween(template, design.synthesized.template)),
          ...stackChanges(deployed, wantedSettings(inputs)),
        ];
  const { drift, unread } = await plannedDrift(prepared.clients, deployed, changes);
  const broken = design === undefined ? [] : violations(design.security);
  const obstacles = [
    ...prepared.obstacles,
    ...changes.flatMap((change) => change.impossible ?? []),
  ];
  const blocked = design === undefined || broken.length > 0 || obstacles.length > 0;
  return {
    version: 1,
    stack: stackName(inputs),
    proxy: design?.model.proxyName ?? new Template(template).proxyName() ?? baseName(inputs),
    engine: inputs.engine,
    verdict: blocked ? 'blocked' : changes.length + drift.length > 0 ? 'changes' : 'none',
    checks,
    ...(design === undefined ? {} : { security: design.security, resolved: design.resolved }),
    summary: summaryOf(changes),
    changes,
    ...(design === undefined
      ? {}
      : {
          endpoint: endpointChange(
            template,
            changes,
            deployed?.outputs[outputKeys.rds_proxy_endpoint],
          ),
        }),
    drift,
    cost: compareCost(inputs, {
      vcpus: capacity?.vcpus,
      members: found(facts.cluster)?.members.length,
      serverlessMax: found(facts.cluster)?.serverlessMax,
    }),
    obstacles,
    notes: [
      ...prepared.warnings,
      ...(design?.notes ?? []),
      ...poolNote(prepared),
      ...tokenNote(prepared),
      ...unread,
    ],
    origins: prepared.origins,
  };
}

/**
 * The drift of what is deployed, with what an apply can do about each part of it.
 * @param changes what an apply would change; drift of a resource that it removes or replaces disappears with the
 *   resource
 */
export async function plannedDrift(
  clients: Clients,
  deployed: DeployedStack | undefined,
  changes: readonly Change[] = [],
): Promise<{ readonly drift: readonly PlannedDrift[]; readonly unread: readonly string[] }> {
  const { drift, unread } = await readDrift(clients, deployed);
  const going = new Set(
    changes.filter(({ action }) => action === 'remove' || action === 'replace').map(({ id }) => id),
  );
  const staying = drift.filter(({ resource }) => !going.has(resource));
  return {
    unread,
    drift: staying.map((one) => {
      const why = irreparable(one);
      return why === undefined ? one : { ...one, irreparable: why };
    }),
  };
}

/** A token is valid for one host name: with engine sluice the database verifies it. */
function tokenNote({ inputs, design }: Prepared): string[] {
  const resolved = design?.resolved;
  return inputs.engine === 'sluice' && resolved !== undefined && usesDatabaseTokens(inputs)
    ? [
        `clients sign IAM tokens for ${resolved.database_host}:${resolved.database_port}, the database, and connect to the endpoint; every database user needs the role rds_iam`,
      ]
    : [];
}

/**
 * The share of max_connections, usually and at most: the share is divided among the highest possible number of tasks.
 */
function poolNote({ facts, inputs, design }: Prepared): string[] {
  const most = maxConnections(found(facts.parameters)?.['max_connections'], found(facts.capacity));
  const size = design?.model.poolSize;
  if (inputs.engine !== 'sluice' || size === undefined || most === undefined) {
    return [];
  }
  const { steady, deploying, share } = budget(inputs, most);
  const percent = (count: number): string => `${Math.round((100 * count) / most)} %`;
  return [
    `database connections: ${size} a task; ${inputs.MinTasks} tasks take ${steady} (${percent(steady)} of max_connections, about ${most}), ${deploying} (${percent(deploying)}) while they are replaced; all of MaxTasks ${inputs.MaxTasks} being replaced stay within ${share}`,
  ];
}
