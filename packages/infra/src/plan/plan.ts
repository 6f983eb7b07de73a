import type { Prepared } from '../actions/prepare.ts';
import { readDrift, type Drift } from '../drift/drift.ts';
import type { Finding } from '../preflight/check.ts';
import { found } from '../resolve/facts.ts';
import { maxConnections } from '../resolve/database.ts';
import { baseName, stackName } from '../resolve/names.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import { violations, type SecurityReport } from '../security/report.ts';
import { outputKeys } from '../synth/outputs.ts';
import { changesBetween, endpointChange, type Change, type EndpointChange } from './changes.ts';
import { compareCost, type CostComparison } from './cost.ts';

/** What an apply would do, and whether it would work. */
export interface Plan {
  readonly stack: string;
  readonly proxy: string;
  readonly engine: 'rds-proxy' | 'sluice';
  /** `blocked`: a check or a security rule stands in the way; `changes`; `none`: all is as the inputs want it. */
  readonly verdict: 'blocked' | 'changes' | 'none';
  readonly checks: readonly Finding[];
  readonly security?: SecurityReport;
  readonly changes: readonly Change[];
  readonly endpoint?: EndpointChange;
  readonly drift: readonly Drift[];
  readonly cost: CostComparison;
  readonly notes: readonly string[];
  /** What stands in the way beside checks and rules. */
  readonly obstacles: readonly string[];
  /** The ids behind the names; as a file, `synth --resolved` takes it. */
  readonly resolved?: Resolved;
  /** Files, variables and flags that the inputs came from. */
  readonly origins: Readonly<Record<string, string>>;
}

/** Works out the plan. Only reads. */
export async function makePlan(prepared: Prepared): Promise<Plan> {
  const { inputs, facts, checks, design, deployed } = prepared;
  const capacity = found(facts.capacity);
  const template = deployed?.template ?? {};
  const { drift, unread } = await readDrift(prepared.clients, deployed);
  const changes =
    design === undefined ? [] : await changesBetween(template, design.synthesized.template);
  const broken = design === undefined ? [] : violations(design.security);
  const blocked = design === undefined || broken.length > 0;
  return {
    stack: stackName(inputs),
    proxy: design?.model.proxyName ?? new Template(template).proxyName() ?? baseName(inputs),
    engine: inputs.engine,
    verdict: blocked ? 'blocked' : changes.length > 0 ? 'changes' : 'none',
    checks,
    ...(design === undefined ? {} : { security: design.security, resolved: design.resolved }),
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
    cost: compareCost(inputs, capacity?.vcpus),
    obstacles: prepared.obstacles,
    notes: [...(design?.notes ?? []), ...poolNote(prepared), ...unread],
    origins: prepared.origins,
  };
}

function poolNote({ facts, inputs, design }: Prepared): string[] {
  const most = maxConnections(found(facts.parameters)?.['max_connections'], found(facts.capacity));
  const size = design?.model.poolSize;
  return inputs.engine === 'sluice' && size !== undefined && most !== undefined
    ? [
        `each task keeps at most ${size} database connections; 2 × MaxTasks (${inputs.MaxTasks}) tasks stay within ${inputs.MaxConnectionsPercent} % of max_connections (about ${most})`,
      ]
    : [];
}
