import { medianGap } from '../claims/availability.ts';
import { formatMs, formatNumber, formatShare, plural } from '../report/format.ts';
import type { Availability, AvailabilityLane, Finding, Report } from '../report/schema.ts';
import type { Estimate } from '../statistics/index.ts';
import { capital, findingOf } from './of-estimate.ts';

const claim = 'availability';

/** The findings about the failovers. */
export function availabilityFindings({ availability, paths }: Report): Finding[] {
  if (availability === undefined) return [];
  const findings: Finding[] = [];
  const direct = paths.find(({ kind }) => kind === 'direct')?.name;
  for (const { path, cut } of availability.cuts) {
    const [through, around] = [
      medianGap(availability, path),
      medianGap(availability, direct ?? ''),
    ];
    findings.push(outageFinding(path, cut, formatMs(around), formatMs(through), availability));
  }
  for (const { name } of paths) findings.push(...pathFindings(availability, name));
  return findings;
}

/** How much shorter, or longer, the outage is with a proxy. */
function outageFinding(
  path: string,
  cut: Estimate,
  around: string,
  through: string,
  { publishedClaim }: Availability,
): Finding {
  const isLonger = cut.value < 0;
  const change = isLonger ? { ...cut, value: -cut.value, low: -cut.high, high: -cut.low } : cut;
  const finding = findingOf(claim, change, {
    what: `the outage through ${path} and directly`,
    measured: (interval) =>
      isLonger
        ? `${path} made the outage of a failover ${formatShare(change.value)} longer (${interval}): ${through}, and ${around} directly`
        : `${path} cut the outage of a failover by ${formatShare(change.value)} (${interval}), from ${around} to ${through}; Amazon publishes “up to ${formatShare(publishedClaim)}” for RDS Proxy`,
    format: formatShare,
  });
  return finding.estimate === undefined ? finding : { ...finding, estimate: cut };
}

function pathFindings(availability: Availability, path: string): Finding[] {
  const lanes = availability.rounds.flatMap(({ lanes }) =>
    lanes.filter((lane) => lane.path === path),
  );
  if (lanes.length === 0) return [];
  const sum = (pick: (lane: AvailabilityLane) => number): number =>
    lanes.reduce((total, lane) => total + pick(lane), 0);
  const failed = (pick: (lane: AvailabilityLane) => Readonly<Record<string, number>>): number =>
    sum((lane) => Object.values(pick(lane)).reduce((total, count) => total + count, 0));
  const [writes, reads] = [
    failed((lane) => lane.writes.failed),
    failed((lane) => lane.reads.failed),
  ];
  const held = sum((lane) => lane.writes.held + lane.reads.held);
  const retried = sum((lane) => lane.writes.retried + lane.reads.retried);
  const [lost, doubled] = [sum((lane) => lane.rows.lost), sum((lane) => lane.rows.doubled)];
  const acknowledged = sum((lane) => lane.rows.acknowledged);
  const idle = sum((lane) => lane.idle.clients);
  const longest = Math.max(...lanes.map(({ gapMs }) => gapMs));
  const times = lanes.length === 1 ? 'one failover' : `${lanes.length} failovers`;
  const findings: Finding[] = [
    {
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `${capital(path)}, ${times}: no write for ${formatMs(medianGap(availability, path))}${lanes.length === 1 ? '' : ` (median; at most ${formatMs(longest)})`}; ${plural(writes, 'write')} and ${plural(reads, 'read')} failed, ${plural(held, 'request')} waited, and ${formatNumber(retried)} succeeded when sent again.`,
    },
    {
      claim,
      kind: 'measured',
      isHeadline: lost + doubled > 0,
      sentence: `Of ${plural(acknowledged, 'acknowledged row')} on the path ${path}, ${formatNumber(lost)} ${lost === 1 ? 'was' : 'were'} lost and ${formatNumber(doubled)} doubled.`,
    },
  ];
  if (idle > 0) {
    findings.push({
      claim,
      kind: 'measured',
      isHeadline: false,
      sentence: `Of ${plural(idle, 'idle client')} on the path ${path}, ${formatNumber(sum((lane) => lane.idle.survived))} kept their connection.`,
    });
  }
  return findings;
}
