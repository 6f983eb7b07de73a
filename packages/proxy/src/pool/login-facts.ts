import { quoteText } from '../parameters/parameter-set.ts';

/** The login-time settings of a user and database, from the shared catalogs. */
export interface LoginFacts {
  /** Equal as long as new connections start with the same values as the older ones. */
  readonly start: string;
  /** OIDs; null if the role or database does not exist. */
  readonly role: string | null;
  readonly database: string | null;
  /** The effective values of ALTER ROLE SET and ALTER DATABASE SET, by parameter name. */
  readonly settings: ReadonlyMap<string, string>;
  /** Why PostgreSQL would refuse the login, according to the catalogs; null if it would not. */
  readonly denial: string | null;
  /** How many clients of the proxy the connection limits allow; Infinity without a limit. */
  readonly slotsOfRole: number;
  readonly slotsOfDatabase: number;
  /** When the server last loaded its configuration. */
  readonly configuredAt: string;
  /** It loaded it a moment ago, so some of its processes may not have done so yet. */
  readonly isReconfiguring: boolean;
}

/** Connections that count as a client each; the health check does not. */
const counted = "backend_type = 'client backend' AND application_name <> 'sluice health check'";

/**
 * Queries the facts. They are in shared catalogs that everybody can read, so any connection to the server works. An
 * ALTER ROLE of the querying user must not affect the result: the first statement prevents that, for this Query only.
 */
export function loginFactsSql(database: string, user: string): string {
  return `SELECT pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
SELECT r.oid, d.oid, r.rolsuper, r.rolcanlogin, coalesce(r.rolvaliduntil < now(), false), d.datallowconn,
  has_database_privilege(r.oid, d.oid, 'CONNECT'), r.rolconnlimit, d.datconnlimit,
  CASE WHEN r.rolconnlimit >= 0 THEN (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid AND ${counted}) END,
  CASE WHEN d.datconnlimit >= 0 THEN (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND ${counted}) END,
  (SELECT json_agg(json_build_array(s.setdatabase <> 0, s.setrole <> 0, s.setconfig)) FROM pg_db_role_setting s
    WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid)),
  (SELECT json_agg(DISTINCT t.rolname) FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c (text)
    JOIN pg_roles t ON t.rolname = pg_catalog.substr(c.text, 6)::name
    WHERE s.setdatabase IN (0, d.oid) AND s.setrole IN (0, r.oid) AND c.text LIKE 'role=%' AND pg_has_role(r.oid, t.oid,
      CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)),
  json_build_array(to_json(d) -> 'datcollversion', to_json(d) -> 'dathasloginevt'),
  pg_conf_load_time(), pg_conf_load_time() > greatest(pg_postmaster_start_time(), clock_timestamp() - interval '2 s')
FROM (SELECT) AS one LEFT JOIN pg_roles r ON r.rolname = ${quoteText(user)}::name LEFT JOIN pg_database d ON d.datname = ${quoteText(database)}::name`;
}

/** The proxy's own server connections: they count against the limits, and clients count instead. */
export interface OwnConnections {
  readonly ofRole: number;
  readonly ofDatabase: number;
}

/**
 * Parses the row of `loginFactsSql`; null if it is invalid. `triggers`: how often clients have changed login event
 * triggers.
 */
export function readLoginFacts(
  row: readonly (string | null)[] | undefined,
  own: OwnConnections,
  triggers: number,
): LoginFacts | null {
  if (row?.length !== 16) return null;
  const [role = null, database = null, isSuperuser, canLogin, hasExpired, allows, mayConnect] = row;
  const rows = settingsRows(row[11] ?? '[]');
  const permitted = listOf(row[12] ?? '[]');
  if (rows === null || permitted === null) return null;
  const settings = effectiveSettings(rows, permitted);
  // Limits do not apply to a superuser.
  const slots = (
    limit: string | null | undefined,
    used: string | null | undefined,
    owned: number,
  ) =>
    isSuperuser === 't' || used === null || used === undefined
      ? Infinity
      : Number(limit) - Math.max(0, Number(used) - owned);
  return {
    start: JSON.stringify([role, database, isSuperuser, rows, permitted, row[13], triggers]),
    role,
    database,
    settings,
    denial: denialOf({ role, database, isSuperuser, canLogin, hasExpired, allows, mayConnect }),
    slotsOfRole: slots(row[7], row[9], own.ofRole),
    slotsOfDatabase: slots(row[8], row[10], own.ofDatabase),
    configuredAt: row[14] ?? '',
    isReconfiguring: row[15] === 't',
  };
}

/** The parameters whose values at login have changed. */
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

/** The precedence of a setting: for a role in a database over a role, over a database, over all. */
function weightOf(ofDatabase: boolean, ofRole: boolean): number {
  return Number(ofDatabase) + 2 * Number(ofRole);
}

type SettingsRow = [ofDatabase: boolean, ofRole: boolean, settings: string[] | null];

function isSettingsRow(row: unknown): row is SettingsRow {
  return (
    Array.isArray(row) &&
    typeof row[0] === 'boolean' &&
    typeof row[1] === 'boolean' &&
    (row[2] === null || Array.isArray(row[2]))
  );
}

/** Parses a list in JSON; null if it is none. */
function listOf(json: string): unknown[] | null {
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) ? list : null;
  } catch {
    return null;
  }
}

/**
 * `json`: a list of [of a database, of a role, ["name=value", …]]; those that count more come later. Null if it is
 * invalid.
 */
function settingsRows(json: string): SettingsRow[] | null {
  const rows = listOf(json);
  if (rows?.every(isSettingsRow) !== true) return null;
  return rows.sort(([a, b], [c, d]) => weightOf(a, b) - weightOf(c, d));
}

/** `permitted`: the roles that the user can set. PostgreSQL warns of another one, and does not set it. */
function effectiveSettings(
  rows: readonly SettingsRow[],
  permitted: readonly unknown[],
): Map<string, string> {
  const settings = new Map<string, string>();
  for (const [, , list] of rows)
    for (const setting of list ?? []) {
      const at = setting.indexOf('=');
      const name = setting.slice(0, at).toLowerCase();
      const value = setting.slice(at + 1);
      if (name !== 'role' || value === 'none' || permitted.includes(value))
        settings.set(name, value);
    }
  return new Map([...settings].sort(([a], [b]) => (a < b ? -1 : 1)));
}
