import { formatShare, listed, plural } from '../report/format.ts';
import type { Finding, Pinning, PinningEntry, Report } from '../report/schema.ts';

const claim = 'pinning';

const poolers = [
  ['rdsProxy', 'RDS Proxy', ['pins', 'may pin'], 'pin a session to its connection on'],
  ['pgbouncer', 'PgBouncer', ['loses', 'misses', 'breaks'], 'lose state or break on'],
  ['sluice', 'Sluice', ['pins', 'may pin'], 'pin a session on'],
] as const;

/** The findings about the statements and the tried session state. */
export function pinningFindings({ pinning }: Report): Finding[] {
  if (pinning === undefined) return [];
  return [
    ...poolers.map(([key, name, effects, does]) =>
      poolerFinding(pinning, key, name, effects, does),
    ),
    ...sessionFindings(pinning),
    ...observedFindings(pinning),
    ...measuredFindings(pinning),
  ];
}

function poolerFinding(
  pinning: Pinning,
  key: 'rdsProxy' | 'pgbouncer' | 'sluice',
  name: string,
  effects: readonly string[],
  does: string,
): Finding {
  const entries = pinning.entries.filter((entry) => effects.includes(entry[key].effect));
  const [first] = entries;
  if (first === undefined) {
    return {
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `None of ${plural(pinning.statements, 'statement')} ${does.replace(/^pin /, 'pins ').replace(/^lose state or break/, 'loses state or breaks')} ${name}.`,
    };
  }
  const share = entries.reduce((sum, entry) => sum + entry.share, 0);
  return {
    claim,
    kind: 'measured',
    isHeadline: true,
    sentence: `${formatShare(share)} of the statements ${does} ${name}; most often: ${shorten(first)}`,
  };
}

/** The end of a sentence. */
function shorten({ statement }: PinningEntry): string {
  const line = statement.replaceAll(/\s+/g, ' ').replace(/;$/, '');
  return line.length > 60 ? `${line.slice(0, 59)}…` : `${line}.`;
}

function sessionFindings({ sessions }: Pinning): Finding[] {
  if (sessions === null) return [];
  const { seen, pinnedOnRdsProxy, losingOnPgbouncer, pinnedOnSluice } = sessions;
  return [
    {
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `Of ${plural(seen, 'session')} in the trace, ${pinnedOnRdsProxy} would be pinned on RDS Proxy, ${losingOnPgbouncer} would lose state on PgBouncer, and ${pinnedOnSluice} would be pinned on Sluice.`,
    },
  ];
}

function observedFindings({ observed }: Pinning): Finding[] {
  const [first] = observed;
  if (first === undefined) return [];
  const count = observed.reduce((sum, pin) => sum + pin.count, 0);
  return [
    {
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `RDS Proxy itself logged ${plural(count, 'pin')}; most often: ${first.reason.replace(/\.$/, '')}.`,
    },
  ];
}

function measuredFindings({ measured }: Pinning): Finding[] {
  return [...Map.groupBy(measured, ({ path }) => path)].map(([path, tried]) => {
    const lost = tried.filter(({ kept }) => !kept).map((each) => each.tried);
    const shown = tried.filter(({ seenByOthers }) => seenByOthers).map((each) => each.tried);
    const all = plural(tried.length, 'kind');
    const kept =
      lost.length === 0
        ? `kept all ${all} of state`
        : lost.length === tried.length
          ? `lost all ${all} of state`
          : `lost ${lost.length} of ${all} of state (${listed(lost)})`;
    const leaked =
      shown.length === 0
        ? 'no other session saw any of it'
        : `another session saw ${shown.length === tried.length ? 'all of it' : listed(shown)}`;
    return {
      claim,
      kind: 'measured',
      isHeadline: true,
      sentence: `Tried on the path ${path}: a session ${kept}, and ${leaked}.`,
    };
  });
}
