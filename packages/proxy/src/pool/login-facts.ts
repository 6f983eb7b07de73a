import { quoteText } from '../parameters/parameter-set.ts';

/** What PostgreSQL decides as a user logs in to a database, as its shared catalogues have it now. */
export interface LoginFacts {
  /** The same as long as connections that are opened now begin as those before did. */
  readonly start: string;
  /** Object ids, null when there is no such role or database. */
  readonly role: string | null;
  readonly database: string | null;
  /** The values of ALTER ROLE and ALTER DATABASE SET that count, by the names of the parameters. */
  readonly settings: ReadonlyMap<string, string>;
  /** Why PostgreSQL would not let the user in, as far as the catalogues tell; null when it would. */
  readonly denial: string | null;
  /** How many clients of the proxy the connection limits leave room for; Infinity where there is none. */
  readonly slotsOfRole: number;
  readonly slotsOfDatabase: number;
  /** When the server has read its configuration last. */
  readonly configuredAt: string;
  /** It has read it a moment ago, so that some of its processes may have yet to hear of that. */
  readonly isReconfiguring: boolean;
}

/** Connections that stand for a client each; the health check's stands for none. */
const counted = "backend_type = 'client backend' AND application_name <> 'sluice health check'";

/**
 * Asks for the facts. Only shared catalogues that everybody may read, so any connection to the server will do. What an
 * ALTER ROLE did to the asking user itself must not matter: the first statement sees to that, for this Query alone.
 */
export function loginFactsSql(database: string, user: string): string {
  return `SELECT pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
SELECT r.oid, d.oid, r.rolsuper, r.rolcanlogin, coalesce(r.rolvaliduntil < now(), false), d.datallowconn,
  has_database_privilege(r.oid, d.oid, 'CONNECT'), r.rolconnlimit, d.datconnlimit,
  CASE WHEN r.rolconnlimit >= 0 THEN (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid AND ${counted}) END,
  CASE WHEN d.datconnlimit >= 0 THEN (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND ${counted}) END,
  (SELECT json_agg(json_build_array(s.setdatabase <> 0, s.setrole <> 0, s.setconfig)) FROM pg_db_role_setting s
    WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid)),
  pg_conf_load_time(), pg_conf_load_time() > greatest(pg_postmaster_start_time(), clock_timestamp() - interval '2 s')
FROM (SELECT) AS one LEFT JOIN pg_roles r ON r.rolname = ${quoteText(user)}::name LEFT JOIN pg_database d ON d.datname = ${quoteText(database)}::name`;
}

/** How many server connections the proxy itself has: those count against the limits, and clients do in their place. */
export interface OwnConnections {
  readonly ofRole: number;
  readonly ofDatabase: number;
}

/** Reads the row that `loginFactsSql` gives; null when it is none. */
export function readLoginFacts(
  row: readonly (string | null)[] | undefined,
  own: OwnConnections,
): LoginFacts | null {
  if (row?.length !== 14) return null;
  const [role = null, database = null, isSuperuser, canLogin, hasExpired, allows, mayConnect] = row;
  const settings = effectiveSettings(row[11] ?? null);
  if (settings === null) return null;
  // A superuser is let in in spite of limits.
  const slots = (
    limit: string | null | undefined,
    used: string | null | undefined,
    owned: number,
  ) =>
    isSuperuser === 't' || used === null || used === undefined
      ? Infinity
      : Number(limit) - Math.max(0, Number(used) - owned);
  return {
    start: JSON.stringify([role, database, isSuperuser, [...settings]]),
    role,
    database,
    settings,
    denial: denialOf({ role, database, isSuperuser, canLogin, hasExpired, allows, mayConnect }),
    slotsOfRole: slots(row[7], row[9], own.ofRole),
    slotsOfDatabase: slots(row[8], row[10], own.ofDatabase),
    configuredAt: row[12] ?? '',
    isReconfiguring: row[13] === 't',
  };
}

/** The parameters whose values at login are others than before. */
export function changedSettings(before: LoginFacts, after: LoginFacts): readonly string[] {
  const names = new Set([...before.settings.keys(), ...after.settings.keys()]);
  return [...names].filter((name) => before.settings.get(name) !== after.settings.get(name));
}

type Columns = Readonly<
  Record<
    'role' | 'database' | 'isSuperuser' | 'canLogin' | 'hasExpired' | 'allows' | 'mayConnect',
    string | null | undefined
  >
>;

function denialOf(columns: Columns): string | null {
  if (columns.role === null) return 'the role does not exist';
  if (columns.canLogin !== 't') return 'the role is not permitted to log in';
  if (columns.hasExpired === 't') return 'the password of the role has expired';
  if (columns.database === null) return 'the database does not exist';
  if (columns.allows !== 't') return 'the database is not currently accepting connections';
  if (columns.mayConnect !== 't') return 'the role does not have the CONNECT privilege';
  return null;
}

/** How much a setting counts: for a role in a database more than for the role, for the database, for all. */
function weightOf(ofDatabase: boolean, ofRole: boolean): number {
  return Number(ofDatabase) + 2 * Number(ofRole);
}

/** `json`: a list of [of a database, of a role, ["name=value", …]]. Null when it cannot be read. */
function effectiveSettings(json: string | null): Map<string, string> | null {
  if (json === null) return new Map();
  let rows: [boolean, boolean, string[] | null][];
  try {
    rows = JSON.parse(json) as typeof rows;
  } catch {
    return null;
  }
  rows.sort(([a, b], [c, d]) => weightOf(a, b) - weightOf(c, d));
  const settings = new Map<string, string>();
  for (const [, , list] of rows)
    for (const setting of list ?? []) {
      const at = setting.indexOf('=');
      settings.set(setting.slice(0, at).toLowerCase(), setting.slice(at + 1));
    }
  return new Map([...settings].sort(([a], [b]) => (a < b ? -1 : 1)));
}
