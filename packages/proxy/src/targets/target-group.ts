import type { ErrorFields } from '@sluice/wire';
import type { LoginOptions } from '../backend/login.ts';
import type { Pool } from '../pool/pool.ts';
import { quoteText } from '../parameters/parameter-set.ts';
import { events } from '../telemetry/events.ts';
import { FailoverHistory } from './failover-history.ts';
import type { CheckResult } from './health-check.ts';
import { judge } from './monitored-target.ts';
import type { MonitoredTarget } from './monitored-target.ts';
import { Monitor } from './monitor.ts';
import type { HealthLimits, MonitorOwner } from './monitor.ts';
import type { TargetAddresses } from './target-addresses.ts';
import { ReaderChoice } from './reader-choice.ts';
import type { ReaderLimits } from './reader-choice.ts';
import type { Role } from './role.ts';
import { RolePools } from './role-pools.ts';
import type { LimitsOf, TargetRole } from './role-pools.ts';
import { distinct, principalOf } from './same-server.ts';
import { Target } from './target.ts';
import type { TargetAddress, Shares, TargetOwner } from './target.ts';
import { Vacancy } from './vacancy.ts';
import type { Vacated, VacancyOwner } from './vacancy.ts';
import { WriterChoice } from './writer-choice.ts';

/** The settings of a target group; all of them change on reload. */
export interface GroupLimits {
  readonly shares: Shares;
  readonly health: HealthLimits;
  readonly pools: LimitsOf;
  readonly readers: ReaderLimits;
}

/** What a group needs from the proxy. */
export interface GroupOwner {
  /** Opens a connection for a pool. */
  connect: TargetOwner['connect'];
  /** The database of the health check. */
  readonly healthDatabase: string;
  /** The login of the health check at a target; `elsewhere`: to another database. */
  healthLogin(target: Target, elsewhere: boolean): LoginOptions;
}

/** Why all targets are checked again after a pause. */
const afterPause = 'a pause has ended';

/** After a 25006 without a lost writer, further ones do not pause leases for this long, in milliseconds. */
const readOnlyPause = 1000;

/**
 * The targets behind a proxy, and their roles. When the writer is lost, all sessions wait in the borrow queue, and the
 * first target that proves to be the writer serves them. When the writer stops responding, existing leases stay until
 * another server is known to run: a writer that was only slow loses nothing.
 */
export class TargetGroup implements TargetOwner, MonitorOwner {
  readonly failovers = new FailoverHistory();
  /** Resolves when a target has responded, or has not in time. */
  readonly firstAnswer: Promise<void>;
  #answeredFirst: () => void = () => undefined;
  readonly #owner: GroupOwner;
  readonly #monitor: Monitor;
  readonly #choice = new WriterChoice();
  readonly #readers: ReaderChoice;
  readonly #roles: Readonly<Record<TargetRole, RolePools>>;
  readonly #vacancies = new Set<Vacancy>();
  #limits: GroupLimits;
  /** The writer; null if there is none. */
  #writer: MonitoredTarget | null = null;
  #unfoundedAt = -Infinity;
  /** The only target serves although it did not prove to be the writer. */
  #servesUnproven = false;
  #paused = false;
  #closed = false;

  /** Creates the group from the found targets, and begins to check them. */
  constructor(addresses: TargetAddresses, limits: GroupLimits, owner: GroupOwner) {
    this.#limits = limits;
    this.#owner = owner;
    this.#readers = new ReaderChoice(limits.readers);
    const shared = {
      loginChanges: { version: 0, triggers: 0, reloadedAt: -Infinity },
      vacancies: this.#vacancies,
    };
    this.#roles = {
      READ_WRITE: new RolePools('READ_WRITE', limits.pools, shared),
      READ_ONLY: new RolePools('READ_ONLY', limits.pools, shared),
    };
    this.firstAnswer = new Promise((resolve) => {
      this.#answeredFirst = resolve;
    });
    this.#monitor = new Monitor(addresses, limits.health, this);
    this.#serve();
    this.#monitor.start();
  }

  /** All targets, in the order of settings, DNS and the database. */
  get targets(): readonly Target[] {
    return this.#monitor.monitoredTargets.map(({ target }) => target);
  }

  get writer(): Target | null {
    return this.#writer?.target ?? null;
  }

  /** True once a writer was found. */
  get hadWriter(): boolean {
    return this.#choice.last !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get searching(): boolean {
    return this.#writer === null || this.#paused;
  }

  /** The pools of a role. */
  pools(role: TargetRole): RolePools {
    return this.#roles[role];
  }

  /** The pools of both roles. */
  get allPools(): readonly RolePools[] {
    return Object.values(this.#roles);
  }

  /**
   * Closes the proxy's connections without a client that block a statement. `owner.leave` does so for those that are in
   * no pool. None of them is opened again before `release`.
   */
  vacate(
    wants: readonly Vacated[],
    own: Pool,
    owner: Pick<VacancyOwner, 'leave' | 'dropped'>,
    ready: () => void,
  ): { readonly vacancy: Vacancy; readonly release: () => void } {
    const allPools = function* (roles: readonly RolePools[]): Iterable<Pool> {
      for (const role of roles) yield* role.pools;
    };
    const { allPools: roles } = this;
    const monitoredTargets = this.#monitor.monitoredTargets;
    const vacancy = new Vacancy(
      wants,
      own,
      {
        get pools() {
          return allPools(roles);
        },
        leave: (database, closing) => {
          owner.leave(database, closing);
          if (database === this.#owner.healthDatabase)
            for (const { check } of monitoredTargets) closing(check.leave());
        },
        exists: (database, done) => {
          const found = `SELECT FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) ${quoteText(database)}::pg_catalog.name`;
          const isSent = own.queryServer(found, (rows) => {
            done(rows === null ? null : rows.length > 0);
          });
          if (!isSent) done(null);
        },
        dropped: (database) => owner.dropped(database),
      },
      ready,
    );
    this.#vacancies.add(vacancy);
    void vacancy.start();
    const release = (): void => {
      const wasElsewhere = vacancy.leaves(this.#owner.healthDatabase);
      this.#vacancies.delete(vacancy);
      vacancy.release();
      // The health check returns to its own database.
      if (wasElsewhere) for (const { check } of monitoredTargets) void check.leave();
    };
    return { vacancy, release };
  }

  /** Whether a statement needs the database without connections. */
  isVacated(database: string): boolean {
    return [...this.#vacancies].some((vacancy) => vacancy.leaves(database));
  }

  find(name: string): Target | undefined {
    return this.targets.find((target) => target.name === name);
  }

  makeTarget(address: TargetAddress): Target {
    return new Target(address, this.#limits.shares, this);
  }

  healthLogin(target: Target): LoginOptions {
    return this.#owner.healthLogin(target, this.isVacated(this.#owner.healthDatabase));
  }

  connect(...[target, pool, done]: Parameters<TargetOwner['connect']>): void {
    this.#owner.connect(target, pool, (failure, login) => {
      // PostgreSQL 14 and later report it at login: between two checks, the writer may have become a standby.
      if (
        login !== null &&
        target === this.writer &&
        !this.#servesUnproven &&
        login.parameters.get('in_hot_standby') === 'on'
      ) {
        login.socket.destroy();
        const message = `${target.name} is a standby now`;
        done({ fields: { sqlstate: '25006', message }, final: false }, null);
        return;
      }
      done(failure, login);
    });
  }

  query(...[target, sql, done]: Parameters<TargetOwner['query']>): boolean {
    return this.#monitor.find(target)?.check.queryAside(sql, done) === true;
  }

  failureSignal(target: Target, what: string): void {
    const monitored = this.#monitor.find(target);
    if (monitored === null || target.suspicion !== null || this.#closed) return;
    // A target that does not serve cannot be suspect; one that cannot be checked has pools that retry.
    if (!this.allPools.some((role) => role.serves(target)) || monitored.last?.kind === 'unclear')
      return;
    // A standby correctly refuses writes.
    if (what === '25006' && (monitored !== this.#writer || this.#servesUnproven)) return;
    if (what === '25006' && performance.now() - this.#unfoundedAt < readOnlyPause) return;
    target.suspicion = what;
    if (monitored === this.#writer) this.failovers.failureSignal(target.name, what);
    this.#updatePauses();
    // A server that is shutting down may still respond on an existing connection, but accepts no new ones.
    this.#monitor.check(monitored, what !== '25006');
  }

  answered(monitored: MonitoredTarget): void {
    const { target, last } = monitored;
    target.answers = last?.kind === 'role' || last?.kind === 'unclear' || refuses(last);
    if (last?.kind === 'role') {
      this.#endOldIfRestarted(target, last.role);
      target.learn(last.role);
      this.#choice.learn(last.role);
    }
    this.#decide(monitored);
    this.#readers.learn(monitored, this.#writer);
    this.#settleSuspicion(monitored);
    this.#serve();
    this.#describe();
    this.#answeredFirst();
  }

  respondedToClients(monitored: MonitoredTarget): void {
    if (monitored.target.suspicion !== null) this.#unfounded(monitored);
  }

  listChanged(): void {
    this.#serve();
  }

  keeps(monitored: MonitoredTarget): boolean {
    return monitored === this.#choice.last;
  }

  /** Applies changed settings. */
  reload(limits: GroupLimits): void {
    this.#limits = limits;
    this.#monitor.limits = limits.health;
    this.#readers.limits = limits.readers;
    for (const target of this.targets) target.reload(limits.shares);
    for (const role of this.allPools) role.reload(limits.pools);
    this.#serve();
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const role of this.allPools) role.tick();
  }

  /** From now on all sessions wait; running transactions continue. True once nothing is running. */
  pause(): boolean {
    if (!this.#paused) {
      this.#paused = true;
      events.paused.publish({});
      this.#updatePauses();
    }
    return this.allPools.every((role) => role.isQuiet());
  }

  /** Ends a pause: the current writer serves the waiting sessions. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    events.resumed.publish({});
    // The pause was for a change, so no target serves before it has responded again.
    for (const monitored of this.#monitor.monitoredTargets) {
      if (monitored.last?.kind !== 'role' || monitored.target.suspicion !== null) continue;
      monitored.target.suspicion = afterPause;
      this.#monitor.check(monitored, true);
    }
    this.#updatePauses();
    this.#monitor.checkAll();
  }

  /** Stops leases on a target, which sessions leave as transactions end. True once nothing is running there. */
  drain(target: Target): boolean {
    if (!target.drained) {
      target.drained = true;
      events.targetDrained.publish({ target: target.name });
      for (const role of this.allPools) role.retire(target, 'its target is draining');
      this.#serve();
    }
    return this.allPools.every((role) => role.isQuiet(target));
  }

  /** Ends a drain. */
  undrain(target: Target): void {
    if (!target.drained) return;
    target.drained = false;
    events.targetUndrained.publish({ target: target.name });
    this.#serve();
    for (const role of this.allPools) role.resume();
  }

  /** Closes every connection; sessions that wait for one get `error`. */
  close(error: ErrorFields): void {
    this.#closed = true;
    this.#monitor.close();
    for (const role of this.allPools) role.close(error);
  }

  #decide(answered: MonitoredTarget): void {
    const writer = this.#writer;
    if (writer !== null && answered !== writer) {
      // A target that served because there was no writer is replaced by the writer.
      if (this.#servesUnproven && answered.listed && this.#choice.isWriter(answered))
        this.#take(answered);
      else if (this.#choice.outranks(answered, writer))
        this.#lose(writer, `${answered.target.name} is the writer now`);
    } else if (writer !== null) this.#judgeWriter(writer);
    if (this.#writer !== null) return;
    const standbyServes = !this.hadWriter || this.#servesUnproven;
    const best = this.#choice.best(distinct(this.#monitor.monitoredTargets, null), standbyServes);
    if (best !== null) this.#take(best);
  }

  /** Checks whether the writer is still the writer. */
  #judgeWriter(writer: MonitoredTarget): void {
    const { last } = writer;
    if (last?.kind === 'gone') this.#lose(writer, last.message);
    else if (last?.kind === 'silent') {
      if (writer.silent >= this.#limits.health.failures) this.#lose(writer, last.message);
    } else if (last?.kind === 'role') {
      if (!last.role.inRecovery) this.#servesUnproven = false;
      else if (!this.#servesUnproven) this.#lose(writer, 'it is a standby now');
    }
  }

  #lose({ target }: MonitoredTarget, why: string): void {
    this.#writer = null;
    target.suspicion = null;
    this.failovers.lost(target.name, why);
    for (const role of this.allPools) role.retire(target, why);
    this.#updatePauses();
    this.#monitor.checkAll();
  }

  #take(monitored: MonitoredTarget): void {
    const former = this.#choice.last;
    const { target } = monitored;
    this.#writer = monitored;
    this.#choice.took(monitored);
    this.#servesUnproven = target.role?.inRecovery !== false;
    const pools = this.#roles.READ_WRITE;
    this.failovers.found(target.name, pools.waiting, pools.pools);
    if (former === monitored) return;
    this.#readers.writerChanged();
    pools.serve([target], `${target.name} is the writer now`);
    if (former !== null)
      for (const role of this.allPools) role.end(former.target, `${target.name} is the writer now`);
    this.#monitor.prune();
  }

  /** Closes every connection to a target that is certainly gone, or whose server was restarted. */
  #end(target: Target, why: string): void {
    target.generation++;
    for (const role of this.allPools) role.end(target, why);
  }

  #endOldIfRestarted(target: Target, { startedAt }: Role): void {
    if (target.role !== null && target.role.startedAt !== startedAt)
      this.#end(target, 'the database was restarted');
  }

  /** A check because of a failure signal has ended. */
  #settleSuspicion(monitored: MonitoredTarget): void {
    const { target, last } = monitored;
    if (target.suspicion === null) return;
    if (last?.kind === 'silent' && monitored.silent < this.#limits.health.failures) {
      this.#monitor.check(monitored, true);
      return;
    }
    if (last?.kind !== 'gone' && last?.kind !== 'silent') this.#unfounded(monitored);
    // It has been lost, or is no longer among the standbys that serve.
    else target.suspicion = null;
  }

  /** It serves as before. */
  #unfounded(monitored: MonitoredTarget): void {
    const { suspicion } = monitored.target;
    monitored.target.suspicion = null;
    if (monitored === this.#writer && suspicion !== afterPause) {
      this.#unfoundedAt = performance.now();
      this.failovers.unfounded();
    }
    this.#updatePauses();
    for (const role of this.allPools) role.resume();
  }

  /** Chooses the targets that serve. */
  #serve(): void {
    const { READ_WRITE: writers, READ_ONLY: readers } = this.#roles;
    const { monitoredTargets } = this.#monitor;
    if (writers.serving.length === 0) {
      // Until a writer is found, its pools wait at the first target.
      const [first] = monitoredTargets;
      if (first !== undefined) writers.serve([first.target], '');
    }
    const { failures } = this.#limits.health;
    const serving = this.#readers.best(
      distinct(monitoredTargets, this.#writer),
      this.#writer,
      failures,
    );
    const isSame =
      serving.length === readers.serving.length &&
      serving.every((target) => readers.serves(target));
    if (!isSame) {
      // A read on a standby that stopped responding can run on another: closing the connection loses nothing.
      for (const target of readers.serving)
        if (!serving.includes(target) && this.#monitor.find(target)?.last?.kind === 'silent')
          readers.end(target, `${target.name} does not respond`);
      readers.serve(serving, 'it no longer serves reads');
      events.readersChanged.publish({ targets: serving.map(({ name }) => name) });
      readers.resume();
    }
    this.#updatePauses();
  }

  /** Pauses or resumes the pools of both roles according to the current state. */
  #updatePauses(): void {
    const { READ_WRITE: writers, READ_ONLY: readers } = this.#roles;
    const paused = this.#paused ? 'The proxy is paused.' : null;
    const last = this.#choice.last?.target.name;
    const noWriter =
      this.#writer === null
        ? `No target is the writer${last === undefined ? '' : `; the last one was ${last}`}.`
        : null;
    writers.pause(paused ?? noWriter ?? whyNotBorrowable(writers.serving));
    const noReader = readers.serving.length === 0 ? 'No standby can serve reads.' : null;
    readers.pause(paused ?? noReader ?? whyNotBorrowable(readers.serving));
  }

  #describe(): void {
    const standing = {
      writer: this.#writer,
      failures: this.#limits.health.failures,
      lagLimit: this.#limits.readers.lagLimit,
    };
    const { monitoredTargets } = this.#monitor;
    for (const monitored of monitoredTargets) {
      const principal = principalOf(monitored, monitoredTargets, this.#writer);
      if (!judge(monitored, { ...standing, principal })) continue;
      const { name, state, reason, message } = monitored.target;
      events.targetStateChanged.publish({ target: name, state, reason, message });
    }
  }
}

/** Its postmaster responds, and refuses logins at the moment: it starts, or recovers from a crash (57P03). */
function refuses(last: CheckResult | null): boolean {
  return last?.kind === 'gone' && last.sqlstate === '57P03';
}

/** Why no connection to these targets can be borrowed, or null. */
function whyNotBorrowable(targets: readonly Target[]): string | null {
  if (targets.some(({ isBorrowable }) => isBorrowable)) return null;
  return targets
    .map(({ name, suspicion }) =>
      suspicion === null ? `${name} is draining.` : `${name} is being checked: ${suspicion}.`,
    )
    .join(' ');
}
