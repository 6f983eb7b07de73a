import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { reduce } from '../../equivalence/reduce.ts';
import { startDatabase } from '../../helpers/database.ts';
import * as messages from '../../helpers/messages.ts';
import type { Address } from '../../helpers/raw-client.ts';
import { eventually } from '../../helpers/routes.ts';
import { Sluice } from '../../helpers/sluice.ts';
import type { Runtime } from '../../helpers/runtime.ts';
import { Bystanders } from './bystanders.ts';
import { keep } from './case.ts';
import type { Case, Ending, Part } from './case.ts';
import { FuzzClient } from './fuzz-client.ts';
import { Liar } from './liar.ts';
import { makeCase } from './make-case.ts';
import type { Side } from './make-case.ts';
import { Random } from './random.ts';

/** The number of concurrent hostile clients. */
const workers = 64;
/** How long a connection must be silent before the case ends, in milliseconds. */
const silence = 40;
/** The same for the reply to a request, which the proxy sends in turn with those to other hostile clients. */
const silenceOfAnswer = 250;
/** How many rounds the bystanders complete in that time: on a busy machine, it lasts longer. */
const roundsOfSilence = 8;
/**
 * One of this many logins of hostile clients uses a password. The others are trusted: authentication takes longer than
 * a case.
 */
const loginsOfPassword = 8;
/** How long a statement may wait for a server connection, in milliseconds. */
const patience = 1000;
/** The number of cases of a session, unless one of them ends it. */
const casesOfSession = 20;
/** How long the database counts as lost after a lie in a health check, in milliseconds. */
const excuse = 5000;

/** A case that failed, in its smallest form. */
export interface Finding {
  readonly why: string;
  readonly file: string;
}

/** One client of a worker, and what it has sent so far. */
interface Worker {
  client: FuzzClient | null;
  history: Case[];
}

/** A database, a proxy, bystanders, and hostile peers on one side. */
export class Fuzz {
  #side: Side;
  #setup: Setup;
  readonly #real: Postgres;
  readonly #liar: Liar;
  #sluice: Sluice;
  #bystanders: Bystanders;
  #hasExited = false;
  #broken: string | null = null;
  /** The number of checked lines of the log. */
  #read = 0;
  #number = 0;
  #logins = 0;
  #excusedUntil = 0;
  /** Clients whose cases are over, and to which messages may still be sent. */
  readonly #leaving = new Set<Promise<void>>();
  /** The number of cases so far. */
  played = 0;
  /** Sessions that still answered after a case, and sessions that did not. */
  readonly sessions = { answered: 0, ended: 0 };

  private constructor(side: Side, setup: Setup, real: Postgres, liar: Liar, sluice: Sluice) {
    this.#side = side;
    this.#setup = setup;
    this.#real = real;
    this.#liar = liar;
    this.#sluice = sluice;
    this.#bystanders = this.#begin(sluice);
  }

  static async start(side: Side, setup: Setup): Promise<Fuzz> {
    const real = await startDatabase();
    await real.query("ALTER ROLE ann SET statement_timeout = '10s'");
    await real.query("CREATE ROLE mallory LOGIN PASSWORD 'correct horse'");
    await Bystanders.prepare((text) => real.query(text));
    const liar = await Liar.start(real, 'mallory');
    return new Fuzz(side, setup, real, liar, await startSluice(liar, side, setup));
  }

  #begin(sluice: Sluice): Bystanders {
    this.#hasExited = false;
    this.#broken = null;
    this.#read = 0;
    void sluice.exited().then(() => {
      this.#hasExited ||= this.#sluice === sluice;
    });
    return this.#attend();
  }

  #attend(): Bystanders {
    return new Bystanders(this.#address('ann'), () => performance.now() < this.#excusedUntil);
  }

  #address(user: string): Address {
    const { host, port } = this.#sluice;
    return { host, port, user, password: this.#real.password, database: this.#real.database };
  }

  /**
   * Continues with hostile peers of that side, with or without shared reads, and resets the counters. A fresh daemon
   * would need more CPU time: it is slow at first.
   */
  async turnTo(side: Side, interleaving: boolean): Promise<void> {
    this.#side = side;
    this.#setup = { ...this.#setup, interleaving };
    this.played = this.sessions.answered = this.sessions.ended = this.#liar.liesSent = 0;
    this.#liar.logins.length = this.#liar.checks.length = 0;
    if (this.problem !== null) {
      await this.#restart();
      return;
    }
    await this.#bystanders.stop();
    const before = this.#reloads;
    await this.#sluice.rewrite(settingsFor(side, interleaving));
    await eventually(() => assert(this.#reloads > before, 'the settings are not in effect'));
    this.#bystanders = this.#attend();
  }

  get #reloads(): number {
    return this.#sluice.log.filter(({ msg }) => msg === 'settings reloaded').length;
  }

  async stop(): Promise<void> {
    await this.#bystanders.stop();
    await this.#sluice.kill();
    await this.#liar.stop();
    await this.#real.stop('immediate');
  }

  /** The number of lies to the proxy. */
  get lies(): number {
    return this.#liar.liesSent;
  }

  /** Why this run has failed, or null. */
  get problem(): string | null {
    if (this.#hasExited) return `the process has ended\n${this.#sluice.logText()}`;
    const { log } = this.#sluice;
    // It is read before each case, so lines are checked immediately.
    for (; this.#read < log.length; this.#read += 1) {
      const line = log[this.#read];
      if (line !== undefined && line.level >= 50 && line.msg.startsWith('unexpected exception'))
        this.#broken ??= `${line.msg}\n${JSON.stringify(line)}`;
    }
    return this.#broken ?? this.#bystanders.trouble;
  }

  /** Runs the cases of these seeds; returns a failure, shrunk and stored, or null. */
  async run(firstSeed: number, count: number): Promise<Finding | null> {
    let next = firstSeed;
    const end = firstSeed + count;
    const recent: Case[][] = [];
    const work = async (): Promise<void> => {
      const worker: Worker = { client: null, history: [] };
      while (next < end && this.problem === null) {
        const hostile = makeCase(this.#side, next);
        next += 1;
        if (worker.client === null) worker.history = [];
        worker.history.push(hostile);
        recent.push(worker.history);
        if (recent.length > 5 * workers) recent.shift();
        await this.#play(hostile, worker);
        this.played += 1;
      }
      worker.client?.destroy();
    };
    await Promise.all(Array.from({ length: workers }, work));
    await Promise.all(this.#leaving);
    if (this.problem === null) await this.#settle();
    // A missing reply shows only when they end.
    await this.#bystanders.stop();
    return this.problem === null ? null : this.#report(recent);
  }

  /** Runs one case alone; returns what was wrong, or null. */
  async check(hostile: Case): Promise<string | null> {
    if (this.problem !== null) await this.#restart();
    const worker: Worker = { client: null, history: [] };
    await this.#play(hostile, worker);
    const { client } = worker;
    // An answer too many may come later than the last one that is due.
    await client?.drained(silence);
    client?.destroy();
    this.#broken ??= client?.broken ?? null;
    await Promise.all(this.#leaving);
    const { rounds } = this.#bystanders;
    await eventually(() =>
      assert(
        this.problem !== null || this.#bystanders.rounds >= rounds + 12,
        'bystanders are stuck',
      ),
    ).catch((error: unknown) => {
      this.#broken ??= String(error);
    });
    return this.problem;
  }

  async #restart(): Promise<void> {
    const old = this.#bystanders;
    await this.#sluice.kill();
    await old.stop();
    this.#liar.logins.length = this.#liar.checks.length = 0;
    this.#sluice = await startSluice(this.#liar, this.#side, this.#setup);
    this.#bystanders = this.#begin(this.#sluice);
  }

  /** Waits until nothing is left: no client, no busy connection, no descriptor. */
  async #settle(): Promise<void> {
    try {
      await eventually(async () => {
        const clients = await this.#sluice.metric('sluice_client_connections');
        const { body } = await this.#sluice.admin('/status');
        assert(clients <= 8, `${clients} clients are left: ${body}`);
        const busy = await this.#real.query(
          "SELECT FROM pg_stat_activity WHERE state <> 'idle' AND xact_start < now() - interval '1 second'",
        );
        assert.equal(busy.length, 0, 'database connections are still busy');
        const descriptors = await readdir(`/proc/${this.#sluice.pid}/fd`);
        assert(descriptors.length < 150, `${descriptors.length} descriptors are open`);
      });
    } catch (error) {
      this.#broken ??= String(error);
    }
  }

  async #play(hostile: Case, worker: Worker): Promise<void> {
    try {
      if (hostile.moment === 'client startup') await this.#startUp(hostile);
      else if (hostile.moment === 'client session') await this.#converse(hostile, worker);
      else await this.#lie(hostile, worker);
    } catch (error) {
      // The daemon has ended, or refuses all logins: the bystanders report it.
      worker.client?.destroy();
      worker.client = null;
      await delay(5);
      if (!this.#hasExited && hostile.moment.startsWith('client'))
        this.#broken ??= `a hostile client: ${String(error)}`;
    }
    this.#broken ??= worker.client?.broken ?? null;
    if (worker.client?.isClosed === true) worker.client = null;
  }

  /** Ends a connection as the case says, while the worker continues. */
  #leave(client: FuzzClient, ending: Ending, silenceMs: number): void {
    if (ending === 'close') client.end();
    const leaving = (ending === 'reset' ? Promise.resolve() : client.drained(silenceMs)).then(
      () => {
        client.destroy();
        this.#broken ??= client.broken;
        this.#leaving.delete(leaving);
      },
    );
    this.#leaving.add(leaving);
  }

  async #startUp({ parts, ending }: Case): Promise<void> {
    const client = await FuzzClient.open(this.#address('ann'));
    client.deafen();
    await client.send(parts);
    this.#leave(client, ending, silence / 2);
  }

  async #enter(worker: Worker, user: string): Promise<FuzzClient> {
    if (worker.history.length >= casesOfSession && worker.client !== null) {
      worker.client.destroy();
      worker.client = null;
      worker.history.splice(0, worker.history.length - 1);
    }
    if (worker.client !== null) return worker.client;
    this.#logins += 1;
    const address = this.#address(
      this.#logins % loginsOfPassword === 0 ? user : `${user}${trusted}`,
    );
    const client = await FuzzClient.open(address);
    worker.client = client;
    await client.login(address);
    return client;
  }

  async #converse({ parts, ending }: Case, worker: Worker): Promise<void> {
    const client = await this.#enter(worker, 'ann');
    await client.send(parts);
    if (ending === 'close') client.end();
    if (ending === 'wait' && (await this.#answers(client))) {
      this.sessions.answered += 1;
      return;
    }
    this.sessions.ended += 1;
    this.#leave(client, ending, silence);
    worker.client = null;
  }

  /** Whether a session still answers, and the request. */
  async #answers(client: FuzzClient): Promise<boolean> {
    this.#number += 1;
    const probe = `probe ${this.#number}`;
    await client.send([
      Buffer.concat([
        messages.sync,
        messages.query('ROLLBACK'),
        messages.query(`SELECT '${probe}'`),
      ]),
    ]);
    let isThere = false;
    let { rounds } = this.#bystanders;
    for (;;) {
      const message = await client.next(silenceOfAnswer);
      if (message === null) {
        if (client.isClosed || client.broken !== null || this.problem !== null) return false;
        if (this.#bystanders.rounds >= rounds + roundsOfSilence) return false;
        continue;
      }
      ({ rounds } = this.#bystanders);
      if (message.code === 'D') isThere = message.body.includes(probe);
      if (message.code === 'Z' && isThere) return true;
    }
  }

  async #lie(hostile: Case, worker: Worker): Promise<void> {
    this.#number += 1;
    const number = this.#number;
    if (hostile.moment === 'database check') {
      this.#excusedUntil = performance.now() + excuse;
      await new Promise<void>((delivered) => {
        this.#liar.checks.push({ lie: hostile, delivered });
        setTimeout(delivered, excuse);
      });
      this.#excusedUntil = performance.now() + excuse;
      return;
    }
    if (hostile.moment === 'database login')
      this.#liar.logins.push({ lie: hostile, delivered: () => undefined });
    const lie: Case =
      hostile.moment === 'database login' ? { ...hostile, parts: [], ending: 'reset' } : hostile;
    this.#liar.statements.set(number, lie);
    const client = await this.#enter(worker, 'mallory');
    const { bytes, answers } = request(number, new Random(hostile.seed));
    client.forget();
    client.due = (client.due ?? 0) + answers;
    await client.send([bytes]);
    while (client.due > 0) {
      const message = await client.next(this.#liar.statements.has(number) ? patience : silence);
      if (message === null) break;
      // COPY starts; nothing more comes unless the client continues.
      if (message.code === 'G' || message.code === 'W')
        await client.send([messages.copyFail('no more')]);
    }
    if (client.due === 0) this.sessions.answered += 1;
    else {
      client.destroy();
      worker.client = null;
      this.sessions.ended += 1;
    }
    this.#liar.statements.delete(number);
  }

  /** Finds the failing case, shrinks and stores it. */
  async #report(recent: readonly Case[][]): Promise<Finding> {
    const why = this.problem ?? '';
    for (const suspect of suspects(recent)) {
      if ((await this.check(suspect)) === null) continue;
      const smaller = await this.#shrink(suspect);
      return { why, file: await keep(smaller, why) };
    }
    const seeds = recent.flat().map(({ seed }) => seed);
    const between = `seeds ${Math.min(...seeds)} to ${Math.max(...seeds)}`;
    return { why: `${why}\n(${between}; none of them by itself)`, file: '' };
  }

  async #shrink(found: Case): Promise<Case> {
    let tries = 0;
    const fails = async (parts: readonly Part[]): Promise<boolean> => {
      tries += 1;
      return tries < 150 && (await this.check({ ...found, parts })) !== null;
    };
    let parts: readonly Part[] = await reduce(found.parts, fails);
    const whole = [Buffer.concat(parts)];
    if (await fails(whole)) parts = whole;
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && only.length < 4000) {
      const bytes = await reduce([...only], (some) => fails([Buffer.from(some)]));
      parts = [Buffer.from(bytes)];
    }
    return { ...found, parts };
  }
}

/** The last cases one by one, newest first, then whole sessions. */
function* suspects(recent: readonly Case[][]): Generator<Case> {
  const histories = [...new Set(recent)].toReversed();
  for (const history of histories) {
    const last = history.at(-1);
    if (last !== undefined) yield last;
  }
  for (const history of histories) {
    const [first] = history;
    if (first === undefined || history.length < 2) continue;
    yield { ...first, parts: history.flatMap(({ parts }) => parts), ending: 'wait' };
  }
}

/** A request of a client to the liar in one of several ways, and the number of replies. */
function request(number: number, random: Random): { bytes: Buffer; answers: number } {
  const text = `SELECT 'hostile ${number} '`;
  const { bind, describe, execute, flush, parse, query, sync } = messages;
  const ways: readonly (() => readonly Buffer[])[] = [
    () => [query(text)],
    () => [query(`BEGIN; ${text}; COMMIT`)],
    () => [parse('', text), bind(''), describe('P'), execute(), sync],
    () => [parse('n', text), describe('S', 'n'), sync],
    () => [parse('n', text), describe('S', 'n'), flush, bind('n'), execute(), sync],
    () => [parse('', 'SELECT $1'), bind('', [`hostile ${number} `]), execute(), sync],
    () => [query(`COPY (${text}) TO STDOUT`)],
    () => [query(`COPY scratch FROM STDIN /* hostile ${number} */`)],
    () => [query(`LISTEN gossip /* hostile ${number} */`)],
    () => [query(`SET work_mem = '1MB' /* hostile ${number} */`)],
    () => [query('SELECT 1'), query(text), query('SELECT 2')],
  ];
  const sent = random.pick(ways)();
  const answers = sent.filter((message) => 'QS'.includes(String.fromCharCode(message[0] ?? 0)));
  return { bytes: Buffer.concat(sent), answers: answers.length };
}

/** The suffix of users without a password. */
const trusted = '_trusted';

/** The configuration of the daemon. */
export interface Setup {
  readonly runtime: Runtime;
  /** Whether reads of several sessions share a server connection. */
  readonly interleaving: boolean;
}

/** What differs between the kinds of cases. */
function settingsFor(side: Side, interleaving: boolean): Readonly<Record<string, unknown>> {
  return {
    HealthCheckInterval: side === 'database' ? 0.1 : 1,
    Interleaving: interleaving ? 'always' : 'off',
  };
}

function startSluice(liar: Liar, side: Side, { runtime, interleaving }: Setup): Promise<Sluice> {
  const { user, password } = liar.database;
  const users = [user, 'mallory'].flatMap((name) => [
    { UserName: name, Password: password },
    { UserName: `${name}${trusted}`, DatabaseUserName: name, DatabasePassword: password },
  ]);
  return Sluice.start(
    liar.database,
    {
      TargetTlsMode: 'disable',
      PoolSize: 48,
      ClientLoginTimeout: 5,
      ConnectionBorrowTimeout: 20,
      ConnectTimeout: 5,
      ConnectRetryMin: 0.01,
      ConnectRetryMax: 0.02,
      ...settingsFor(side, interleaving),
      ClientAuth: [{ User: `/${trusted}$`, Method: 'trust' }, { Method: 'scram-sha-256' }],
      Users: users,
    },
    runtime,
  );
}
