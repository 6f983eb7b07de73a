import type { Plan, PlannedDrift } from '../plan/plan.ts';
import type { Change } from '../plan/changes.ts';
import type { Cost } from '../plan/cost.ts';
import type { SecurityFinding, SecurityReport } from '../security/report.ts';
import { counted } from './counted.ts';
import { stableJson } from '../values.ts';
import { propertyLines } from './change-text.ts';
import { checkLines } from './check-text.ts';
import type { Style } from './style.ts';

/**
 * The plan for people.
 * @param options without `closing` it does not say what to run next: an apply shows the plan and continues
 */
export function planText(
  plan: Plan,
  style: Style,
  options: { readonly closing: boolean } = { closing: true },
): string {
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
    ...(plan.verdict === 'blocked' ? [] : [style('bold', summaryLine(plan))]),
    ...(options.closing ? [style('bold', closing(plan))] : []),
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
    ...propertyLines(change).map((line) => `      ${line}`),
    ...(change.clients === undefined ? [] : [`      effect on clients: ${change.clients}`]),
  ]);
  const endpoint = plan.endpoint;
  const detail =
    endpoint === undefined
      ? []
      : [
          endpoint.changes
            ? style(['red', 'bold'], `  ${endpoint.detail}`)
            : `  ${endpoint.detail}`,
        ];
  return [style('bold', 'Changes'), ...lines, ...detail];
}

/** `Plan: 3 to add, 1 to change, 0 to replace, 0 to destroy; 2 drifted properties to restore.` */
export function summaryLine({ summary, drift }: Plan): string {
  const { add, change, replace, destroy } = summary;
  const restored = drift.filter((one) => one.irreparable === undefined).length;
  return `Plan: ${add} to add, ${change} to change, ${replace} to replace, ${destroy} to destroy${restored === 0 ? '' : `; ${counted(restored, 'drifted property', 'drifted properties')} to restore`}.`;
}

/** Drift, one property per line, with what happens to it. */
export function driftLines(drift: readonly PlannedDrift[], style: Style): string[] {
  return [
    style('bold', 'Drift: changed outside Sluice since the last apply'),
    ...drift.flatMap(({ resource, type, property, applied, live, irreparable: why }) => [
      property === ''
        ? `  ${type} ${resource} is gone`
        : `  ${type} ${resource} ${property}: applied ${jsonText(applied)}, now ${jsonText(live)}`,
      why === undefined
        ? `      apply ${property === '' ? 'creates it again' : 'restores it'}`
        : `      apply cannot restore it: ${why}`,
    ]),
  ];
}

function jsonText(value: unknown): string {
  return value === undefined ? 'not set' : stableJson(value);
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
      style('red', `  ✗ ${finding.rule} ${finding.resource}: ${finding.detail}`),
      ...(finding.fix === undefined ? [] : [`      fix: ${finding.fix}`]),
      `      or acknowledge it in the inputs: Acknowledge = { "${finding.rule}" = "why" }`,
    ]),
    ...Object.values(Object.groupBy(known, ({ rule, by, reason }) => `${rule} ${by} ${reason}`))
      .filter((group) => group !== undefined)
      .map(acknowledgedLine),
    ...report.unused.map((rule) => `  · Acknowledge names ${rule}, which nothing breaks`),
  ];
}

/** One rule that is acknowledged for one reason, with all its resources. */
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
    return 'Blocked: fix what is marked above; nothing has been changed.';
  }
  if (plan.verdict === 'none') {
    return 'No changes: what is deployed matches the inputs.';
  }
  return plan.changes.length === 0
    ? 'Drift only: run sluice aws apply with the same inputs to restore what was applied.'
    : 'Run sluice aws apply with the same inputs to do this.';
}
