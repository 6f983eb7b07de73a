import { formatBytes, formatNumber, plural } from '../report/format.ts';
import type { Finding, RampPath, Report } from '../report/schema.ts';
import { capital } from './of-estimate.ts';

/** The findings about the ramps. Each path has one ramp, so the findings state counts, but not latencies. */
export function scalabilityFindings({ scalability, paths }: Report): Finding[] {
  if (scalability === undefined) return [];
  const claim = 'scalability';
  const findings: Finding[] = scalability.paths.map((ramp) => ({
    claim,
    kind: ramp.ended === 'errors' ? 'measured' : 'caveat',
    isHeadline: true,
    sentence: `${capital(ramp.path)} served ${plural(ramp.served, 'client')}; ${ramp.why}.`,
  }));
  const direct = scalability.paths.find(({ path }) => kindOf(paths, path) === 'direct');
  for (const proxy of scalability.paths.filter(({ path }) => kindOf(paths, path) === 'proxy')) {
    const top = proxy.steps.findLast(({ served }) => served > 0);
    if (top === undefined) continue;
    findings.push({
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `${plural(top.served, 'client')} on ${proxy.path} shared ${plural(top.connections, 'server connection')}${memoryOf(top.memoryBytes)}.`,
    });
    const common = direct && commonStep(direct, proxy);
    if (common !== undefined) {
      const [of, through] = common;
      findings.push({
        claim,
        kind: 'measured',
        isHeadline: false,
        sentence: `At ${plural(of.clients, 'client')} the database ran ${formatNumber(of.connections)} processes${memoryOf(of.memoryBytes)} directly, and ${formatNumber(through.connections)}${memoryOf(through.memoryBytes)} through ${proxy.path}.`,
      });
    }
  }
  return findings;
}

function memoryOf(bytes: number | null): string {
  return bytes === null ? '' : ` with ${formatBytes(bytes)} of memory`;
}

/** The largest step at which both paths served all clients. */
function commonStep(
  one: RampPath,
  other: RampPath,
): [RampPath['steps'][number], RampPath['steps'][number]] | undefined {
  for (const step of one.steps.toReversed()) {
    const same = other.steps.find(({ clients }) => clients === step.clients);
    if (same !== undefined && step.served === step.clients && same.served === same.clients)
      return [step, same];
  }
  return undefined;
}

export function kindOf(paths: Report['paths'], name: string): 'direct' | 'proxy' | undefined {
  return paths.find((path) => path.name === name)?.kind;
}
