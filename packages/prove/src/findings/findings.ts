import type { Finding, Report } from '../report/schema.ts';
import { availabilityFindings } from './availability.ts';
import { performanceFindings } from './performance.ts';
import { pinningFindings } from './pinning.ts';
import { scalabilityFindings } from './scalability.ts';

/** All findings of a run, in sentences, by claim. */
export function findingsOf(report: Report): Finding[] {
  return [
    ...scalabilityFindings(report),
    ...performanceFindings(report),
    ...availabilityFindings(report),
    ...pinningFindings(report),
    ...generatorFindings(report),
  ];
}

/** The findings about the load generator as the limit, and about other noise. */
function generatorFindings(report: Report): Finding[] {
  const { performance, scalability, machine } = report;
  const limits = [
    ...(performance?.steady ?? []).flatMap(({ path, rate, rounds }) =>
      rounds.map(({ generator }) => ({ where: `${path} at ${rate}/s`, limit: generator.limit })),
    ),
    ...(performance?.connecting ?? []).flatMap(({ path, rate, rounds }) =>
      rounds.map(({ generator }) => ({
        where: `${path} at ${rate} logins/s`,
        limit: generator.limit,
      })),
    ),
    ...(scalability?.paths ?? []).flatMap(({ path, steps }) =>
      steps.map(({ clients, generator }) => ({
        where: `${path} with ${clients} clients`,
        limit: generator.limit,
      })),
    ),
  ];
  const limited = limits.filter(({ limit }) => limit !== null);
  const findings: Finding[] = [];
  const [first] = limited;
  if (first !== undefined) {
    const places = [...new Set(limited.map(({ where }) => where))];
    findings.push({
      claim: 'generator',
      kind: 'caveat',
      isHeadline: true,
      sentence: `In ${limited.length} of ${limits.length} measurements the load generator itself was the limit (${places.slice(0, 2).join('; ')}${places.length > 2 ? '; …' : ''}): ${first.limit ?? ''}. Treat these numbers as bounds.`,
    });
  } else if (limits.length > 0) {
    findings.push({
      claim: 'generator',
      kind: 'measured',
      isHeadline: false,
      sentence: `The load generator was never the limit: busy ${Math.round(busiest(report) * 100)} % of the time at most.`,
    });
  }
  if (machine.loadBefore > machine.cores / 2) {
    findings.push({
      claim: 'generator',
      kind: 'caveat',
      isHeadline: true,
      sentence: `Something else kept this machine busy (load average ${machine.loadBefore.toFixed(1)} before the run).`,
    });
  }
  return findings;
}

function busiest({ performance, scalability }: Report): number {
  return Math.max(
    0,
    ...[...(performance?.steady ?? []), ...(performance?.connecting ?? [])].flatMap(({ rounds }) =>
      rounds.map(({ generator }) => generator.busy),
    ),
    ...(scalability?.paths ?? []).flatMap(({ steps }) =>
      steps.map(({ generator }) => generator.busy),
    ),
  );
}
