import type { Plan } from '../plan/plan.ts';
import type { Change } from '../plan/changes.ts';
import type { Cost } from '../plan/cost.ts';
import type { Drift } from '../drift/drift.ts';
import type { SecurityFinding, SecurityReport } from '../security/report.ts';
import { counted } from './counted.ts';
import { checkLines } from './check-text.ts';
import type { Style } from './style.ts';

/** The plan for people. */
export function planText(plan: Plan, style: Style): string {
  const lines = [
    style('bold', `${plan.proxy}: ${plan.engine} in the stack ${plan.stack}`),
    '',
    ...checkLines(plan.checks, style),
    ...(plan.security === undefined ? [] : ['', ...securityLines(plan.security, style)]),
    ...(plan.drift.length === 0 ? [] : ['', ...driftLines(plan.drift, style)]),
    '',
    ...changeLines(plan, style),
    ...plan.obstacles.map((obstacle) => style('red', `  ✗ ${obstacle}`)),
    ...plan.notes.map((note) => `  note: ${note}`),
    '',
    ...costLines(plan, style),
    '',
    style('bold', closing(plan)),
  ];
  return `${lines.join('\n')}\n`;
}

const signs: Readonly<Record<Change['action'], string>> = {
  add: '+',
  change: '~',
  replace: '±',
  remove: '-',
};

function changeLines(plan: Plan, style: Style): string[] {
  if (plan.changes.length === 0) {
    return plan.verdict === 'blocked' ? [] : ['Changes: none'];
  }
  const lines = plan.changes.flatMap((change) => [
    `  ${signs[change.action]} ${change.type} ${change.id}${change.name === undefined ? '' : ` (${change.name})`}`,
    ...(change.action === 'add' ? additionLines(change) : updateLines(change)),
    ...(change.clients === undefined ? [] : [`      clients: ${change.clients}`]),
  ]);
  const endpoint = plan.endpoint;
  const told =
    endpoint === undefined
      ? []
      : [endpoint.changes ? style(['red', 'bold'], `  ${endpoint.told}`) : `  ${endpoint.told}`];
  return [style('bold', 'Changes'), ...lines, ...told];
}

function updateLines({ properties }: Change): string[] {
  return properties.map(
    ({ name, from = 'not set', to = 'not set' }) => `      ${name}: ${from} -> ${to}`,
  );
}

/** Of what is made, only that which users have settings for is shown with them; JSON has everything. */
const shownWhenMade = new Set([
  'AWS::RDS::DBProxy',
  'AWS::RDS::DBProxyTargetGroup',
  'AWS::RDS::DBProxyEndpoint',
  'AWS::EC2::SecurityGroup',
  'AWS::ECS::TaskDefinition',
  'AWS::ElasticLoadBalancingV2::LoadBalancer',
  'AWS::ApplicationAutoScaling::ScalableTarget',
  'AWS::Logs::LogGroup',
]);

/** The longest value that is shown, in characters. */
const longest = 120;

function additionLines({ type, properties }: Change): string[] {
  return shownWhenMade.has(type)
    ? properties.flatMap(({ name, to = '' }) =>
        to.length > longest || /"(?:Ref|Fn::\w+)"/.test(to) ? [] : [`      ${name}: ${to}`],
      )
    : [];
}

/** Drift, one property a line. */
export function driftLines(drift: readonly Drift[], style: Style): string[] {
  return [
    style('bold', 'Drift: changed by somebody else since the last apply'),
    ...drift.map(({ resource, type, property, applied, live }) =>
      property === ''
        ? `  ${type} ${resource} is gone`
        : `  ${type} ${resource} ${property}: applied ${applied}, now ${live}`,
    ),
  ];
}

/** The security findings, violations first. */
export function securityLines(report: SecurityReport, style: Style): string[] {
  const broken = report.findings.filter((finding) => finding.status === 'violation');
  const known = report.findings.filter((finding) => finding.status === 'acknowledged');
  return [
    style(
      'bold',
      `Security: ${counted(broken.length, 'violation')}, ${known.length} acknowledged (${report.packs.join(', ')})`,
    ),
    ...broken.flatMap((finding) => [
      style('red', `  ✗ ${finding.rule} ${finding.resource}: ${finding.told}`),
      ...(finding.mend === undefined ? [] : [`      mend: ${finding.mend}`]),
      `      or acknowledge it in the inputs: Acknowledge = { "${finding.rule}" = "why" }`,
    ]),
    ...Object.values(Object.groupBy(known, ({ rule, by, reason }) => `${rule} ${by} ${reason}`))
      .filter((group) => group !== undefined)
      .map(acknowledgedLine),
    ...report.unused.map((rule) => `  · Acknowledge names ${rule}, which nothing breaks`),
  ];
}

/** One rule, acknowledged for one reason, on all its resources. */
function acknowledgedLine(group: readonly SecurityFinding[]): string {
  const [first] = group;
  const resources = group.map((finding) => finding.resource).join(', ');
  return `  · ${first?.rule} ${resources}: acknowledged by the ${first?.by}: ${first?.reason}`;
}

function costLines(plan: Plan, style: Style): string[] {
  const line = (cost: Cost): string => {
    const month = cost.month === undefined ? 'not known' : `$${cost.month.toFixed(2)}`;
    const mark = cost.engine === plan.engine ? ' (this plan)' : '';
    return `  ${cost.engine.padEnd(9)} ${month.padStart(10)}${mark}: ${cost.parts.join('; ')}`;
  };
  return [style('bold', `Cost of a month (${plan.cost.note})`), ...plan.cost.costs.map(line)];
}

function closing(plan: Plan): string {
  if (plan.verdict === 'blocked') {
    return 'Blocked: mend what is marked above; nothing has been changed.';
  }
  return plan.verdict === 'none'
    ? 'No changes: what is deployed is what the inputs want.'
    : 'Run sluice apply with the same inputs to do this.';
}
