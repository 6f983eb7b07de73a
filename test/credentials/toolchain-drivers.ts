import { execFile, spawn } from 'node:child_process';
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Attempt, Driver, Outcome, Place } from './matrix.ts';

const run = promisify(execFile);
const cache = path.resolve(import.meta.dirname, '../../.cache');
const programs = path.join(import.meta.dirname, 'drivers');

const psycopgVersion = '3.3.9';
const pgjdbcVersion = '42.7.8';

/** A driver that needs a toolchain; it is unavailable or can be started. */
export interface ToolchainDriver {
  readonly name: string;
  /** Installs what the driver needs. Returns a sentence if the toolchain is missing. */
  prepare(): Promise<string | RunningDriver>;
}

/** A running driver, and how to end it. */
export interface RunningDriver extends Driver {
  stop(): void;
}

async function has(program: string, argument: string): Promise<boolean> {
  return run(program, [argument]).then(
    () => true,
    () => false,
  );
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** A program that reads one attempt per line and answers with one line. */
class DriverProcess implements RunningDriver {
  readonly name: string;
  readonly canBind = true;
  readonly reportsSqlstate: boolean;
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  readonly #keyOf: (file: string) => Promise<string>;
  #errors = '';

  constructor(
    name: string,
    reportsSqlstate: boolean,
    [program = '', ...args]: readonly string[],
    keyOf = (file: string): Promise<string> => Promise.resolve(file),
  ) {
    this.name = name;
    this.reportsSqlstate = reportsSqlstate;
    this.#keyOf = keyOf;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async logIn(attempt: Attempt, { port, caFile }: Place): Promise<Outcome> {
    const { user, secret, tls, binding, certificate } = attempt;
    const key = certificate === null ? '' : await this.#keyOf(certificate.key);
    const fields = [user, secret, port, Number(tls), Number(binding), caFile];
    this.#child.stdin.write(`${[...fields, certificate?.cert ?? '', key].join('\t')}\n`);
    const { value } = await this.#lines.next();
    const [kind, first = '', second = ''] = String(value).split('\t');
    if (kind === 'in') return { user: first };
    if (kind === 'out') return { sqlstate: first, message: second };
    throw new Error(`${this.name} ended: ${this.#errors}`);
  }

  stop(): void {
    this.#child.stdin.end();
  }
}

const psycopg: ToolchainDriver = {
  name: 'psycopg',
  async prepare() {
    if (!(await has('python3', '--version'))) return 'python3 is not installed';
    const folder = path.join(cache, `psycopg-${psycopgVersion}`);
    const python = path.join(folder, 'bin/python');
    if (!(await has(python, '-cimport psycopg'))) {
      await run('python3', ['-m', 'venv', folder]);
      const wanted = `psycopg[binary]==${psycopgVersion}`;
      await run(python, ['-m', 'pip', 'install', '--quiet', wanted]);
    }
    return new DriverProcess(this.name, false, [python, path.join(programs, 'log_in.py')]);
  },
};

const pgjdbc: ToolchainDriver = {
  name: 'pgjdbc',
  async prepare() {
    if (!(await has('java', '-version'))) return 'java is not installed';
    const folder = path.join(cache, 'pgjdbc');
    const jar = path.join(folder, `postgresql-${pgjdbcVersion}.jar`);
    if (!(await exists(jar))) {
      if (!(await has('mvn', '-version'))) return 'mvn, which fetches pgjdbc, is not installed';
      const artifact = `org.postgresql:postgresql:${pgjdbcVersion}`;
      const args = ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`];
      await run('mvn', [...args, `-DoutputDirectory=${folder}`], { cwd: cache });
    }
    const source = path.join(programs, 'Pgjdbc.java');
    return new DriverProcess(this.name, true, ['java', '-cp', jar, source], derOf);
  },
};

/** Converts the key of a PEM file to the format of pgjdbc: PKCS 8 in DER. */
async function derOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  const base64 = text.replaceAll(/-----[^-]+-----|\s/g, '');
  await writeFile(`${file}.pk8`, Buffer.from(base64, 'base64'), { mode: 0o600 });
  return `${file}.pk8`;
}

const pgx: ToolchainDriver = {
  name: 'pgx',
  async prepare() {
    if (!(await has('go', 'version'))) return 'go is not installed';
    const program = path.join(cache, 'pgx-driver');
    await run('go', ['build', '-o', program, '.'], { cwd: path.join(programs, 'pgx') });
    return new DriverProcess(this.name, true, [program]);
  },
};

const psql: ToolchainDriver = {
  name: 'psql',
  async prepare() {
    if (!(await has('psql', '--version'))) return 'psql is not installed';
    return {
      name: this.name,
      canBind: true,
      reportsSqlstate: false,
      async logIn({ user, secret, tls, binding, certificate }, { port, caFile }) {
        const env = {
          PATH: process.env['PATH'],
          PGHOST: 'localhost',
          PGHOSTADDR: '127.0.0.1',
          PGPORT: String(port),
          PGUSER: user,
          PGDATABASE: 'shop',
          PGPASSWORD: secret,
          PGSSLMODE: tls ? 'verify-full' : 'disable',
          PGSSLROOTCERT: caFile,
          PGCHANNELBINDING: binding ? 'require' : 'prefer',
          ...(certificate && { PGSSLCERT: certificate.cert, PGSSLKEY: certificate.key }),
        };
        try {
          const { stdout } = await run('psql', ['-XwAtc', 'select current_user'], { env });
          return { user: stdout.trim() };
        } catch (error) {
          const { stderr = '' } = error as Error & { readonly stderr?: string };
          return { sqlstate: '', message: stderr.replaceAll(/\s+/g, ' ') };
        }
      },
      stop: () => undefined,
    };
  },
};

/** Drivers whose toolchains do not come from npm. */
export const toolchainDrivers: readonly ToolchainDriver[] = [psycopg, pgjdbc, pgx, psql];
