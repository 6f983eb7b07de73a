import type { PoolStatus, ProxyStatus, TargetStatus } from '@sluice/proxy';
import { table } from './table.ts';

/** The maximum number of pinning statements that are shown. */
const shownPins = 5;

/** The status as text. Rates are since `before` if it is given, otherwise since the start. */
export function statusText(status: ProxyStatus, admin: string, before?: ProxyStatus): string {
  const { endpoints, targets, pins } = status;
  const sections = [
    heading(status, admin),
    table(
      ['ENDPOINT', 'ROLE', 'CLIENTS', 'idle', 'active', 'waiting', 'pinned', 'logging in'],
      endpoints.map(({ name, role, clients }) => {
        const { arriving, idle, waiting, active, pinned } = clients;
        const all = arriving + idle + waiting + active + pinned;
        return [name, role, all, idle, active, waiting, pinned, arriving];
      }),
    ),
    poolText(status, before),
    table(
      ['TARGET', 'ROLE', 'STATE', 'CONNECTIONS', 'borrowed', 'lag'],
      targets.map((target) => [
        target.name,
        target.role,
        stateOf(target),
        `${target.used} of ${target.allowed}`,
        target.borrowed,
        target.lagSeconds === null ? '' : duration(target.lagSeconds),
      ]),
    ),
    pinText(pins),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function heading({ pid, paused, draining, startedAt, waits }: ProxyStatus, admin: string): string {
  const state = draining ? 'draining' : paused ? 'paused, and clients wait' : 'running';
  const age = duration((Date.now() - Date.parse(startedAt)) / 1000);
  const waiting =
    waits.borrows === 0
      ? 'no session has waited for a connection yet'
      : `waits for a connection: p50 ${waited(waits.median)}, p99 ${waited(waits.p99)}`;
  return `Sluice is ${state}; started ${age} ago (process ${pid}, ${admin}); ${waiting}\n`;
}

function waited(seconds: number | null): string {
  return seconds === null ? 'more than 100 s' : `at most ${duration(seconds)}`;
}

function stateOf({ state, reason, drained }: TargetStatus): string {
  return `${state}${reason === null ? '' : ` (${reason})`}${drained ? ', drained' : ''}`;
}

function poolText(status: ProxyStatus, before: ProxyStatus | undefined): string {
  const { pools } = status;
  if (pools.length === 0)
    return 'No pool yet: the proxy creates one when the first client of a user and database logs in.\n';
  const seconds = secondsBetween(before, status);
  return table(
    ['POOL', 'ROLE', 'sessions', 'CONNECTIONS', 'idle', 'opening', 'waiting', 'queries/s'],
    pools.map((pool) => [
      `${pool.database} / ${pool.user}`,
      pool.role,
      pool.sessions,
      `${pool.open} of ${pool.limit}`,
      pool.idle,
      pool.opening,
      pool.waiting === 0 ? 0 : `${pool.waiting} (${duration(pool.waitingSeconds)})`,
      rate(pool, before, seconds),
    ]),
  );
}

function pinText(pins: ProxyStatus['pins']): string {
  if (pins.length === 0) return 'No session has been pinned.\n';
  const rows = pins
    .slice(0, shownPins)
    .map(({ reason, statement, pins: count }) => [count, reason, statement]);
  const rest = pins.length - rows.length;
  const text = table(['PINS', 'REASON', 'STATEMENT'], rows);
  return rest === 0 ? text : `${text}… and ${rest} more\n`;
}

function rate(pool: PoolStatus, before: ProxyStatus | undefined, seconds: number): string {
  const earlier = before?.pools.find(
    ({ role, database, user }) =>
      role === pool.role && database === pool.database && user === pool.user,
  );
  const queries = pool.queries - (earlier?.queries ?? 0);
  const perSecond = seconds > 0 ? queries / seconds : 0;
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

function secondsBetween(
  before: ProxyStatus | undefined,
  { readAt, startedAt }: ProxyStatus,
): number {
  return (Date.parse(readAt) - Date.parse(before?.readAt ?? startedAt)) / 1000;
}

/** A duration in a suitable unit. */
export function duration(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds < 1) {
    const milliseconds = seconds * 1000;
    return `${milliseconds < 10 ? Number(milliseconds.toPrecision(2)) : Math.round(milliseconds)} ms`;
  }
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}
