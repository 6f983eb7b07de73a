import { ownCommand } from '../companion.ts';
import { runtimeName } from '../runtime-name.ts';
import type { UpOptions } from './options.ts';

/** The event `ready` of `--json`: what is running. */
export interface Ready {
  readonly endpoint: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
    /** Through the proxy. */
    readonly url: string;
  };
  /** `url` is a direct connection. */
  readonly database: { readonly url: string };
  readonly admin: { readonly url: string };
  readonly pid: number;
  /** For example `Node.js 24.21.0`. */
  readonly runtime: string;
}

/** The text for the user when everything is ready: the addresses, lines to paste, and suggestions. */
export function readyText(
  { endpoint, database, admin }: Ready,
  { poolSize, standbys }: Pick<UpOptions, 'poolSize' | 'standbys'>,
): string {
  return `
Sluice is ready at ${endpoint.host}:${endpoint.port}, on ${runtimeName}. Many clients share at most ${poolSize} server connections.

  psql '${endpoint.url}'

Or start node in a folder with the npm package pg, such as this one, and paste this:

${nodeLines(endpoint.url)}

Try next
  what the proxy does right now       ${ownCommand} status, in another terminal
  how often a connection was shared   curl -s ${admin.url}/metrics | grep sluice_
  the database itself, to compare     psql '${database.url}'
  your own application                the URL above is all it needs
${standbys > 0 ? `  a failover under your application   ${ownCommand} failover, in another terminal\n` : ''}
Admin port: ${admin.url} (/metrics, /healthz, /readyz)
Ctrl-C stops everything.
`;
}

/** Works in a file (as an ES module) as well as in the prompt of node. */
function nodeLines(url: string): string {
  return `const { default: pg } = await import('pg');
const pool = new pg.Pool({ connectionString: '${url}', max: 50 });
const ask = (id) => pool.query('select $1::int as id, pg_backend_pid() as connection', [id]);
const answers = await Promise.all(Array.from({ length: 1000 }, (_, id) => ask(id)));
const connections = new Set(answers.map(({ rows }) => rows[0].connection));
console.log(\`50 clients, \${answers.length} answers, \${connections.size} server connections\`);
await pool.end();`;
}
