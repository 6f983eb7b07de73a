import type { ErrorFields } from '@sluice/wire';
import type { LoginOptions } from '../backend/login.ts';
import { events } from '../telemetry/events.ts';
import { FailoverStory } from './failover-story.ts';
import { judge } from './member.ts';
import type { Member } from './member.ts';
import { Monitor } from './monitor.ts';
import type { HealthLimits, MonitorOwner } from './monitor.ts';
import type { Places } from './places.ts';
import { ReaderChoice } from './reader-choice.ts';
import type { ReaderLimits } from './reader-choice.ts';
import type { Role } from './role.ts';
import { RolePools } from './role-pools.ts';
import type { LimitsOf, TargetRole } from './role-pools.ts';
import { distinct, principalOf } from './same-server.ts';
import { Target } from './target.ts';
import type { Place, Shares, TargetOwner } from './target.ts';
import { WriterChoice } from './writer-choice.ts';

/** What settings say of a target group; all of it changes on reload. */
export interface GroupLimits {
  readonly shares: Shares;
  readonly health: HealthLimits;
  readonly pools: LimitsOf;
  readonly readers: ReaderLimits;
}

/** What a group needs from the proxy around it. */
export interface GroupOwner {
  /** Opens a connection for a pool. */
  connect: TargetOwner['connect'];
  /** How the health check logs in to a target. */
  healthLogin(target: Target): LoginOptions;
}

/** Why everyone is asked again when a pause ends. */
const afterPause = 'a pause has ended';

/** After a 25006 that was no sign of a lost writer, further ones hold nobody up for so long, in milliseconds. */
const readOnlyPause = 1000;

/**
 * The targets behind a proxy, and who of them serves whom. When the writer is lost everyone waits in the borrow queue,
 * and the first target that proves to be the writer serves them. Loans that are out when the writer falls silent are
 * left alone until another server is known to run: a writer that was only slow loses nothing.
 */
export class TargetGroup implements TargetOwner, MonitorOwner {
  readonly story = new FailoverStory();
  /** Resolves when a target has answered, or has not in time. */
  readonly firstAnswer: Promise<void>;
  #answeredFirst: () => void = () => undefined;
  readonly #owner: GroupOwner;
  readonly #monitor: Monitor;
  readonly #choice = new WriterChoice();
  readonly #readers: ReaderChoice;
  readonly #roles: Readonly<Record<TargetRole, RolePools>>;
  #limits: GroupLimits;
  /** The writer; null while there is none. */
  #writer: Member | null = null;
  #unfoundedAt = -Infinity;
  /** The only target serves though it did not prove to be the writer. */
  #asItIs = false;
  #paused = false;
  #closed = false;

  /** Makes the group of the targets that were found, and begins to check them. */
  constructor(places: Places, limits: GroupLimits, owner: GroupOwner) {
    this.#limits = limits;
    this.#owner = owner;
    this.#readers = new ReaderChoice(limits.readers);
    this.#roles = {
      READ_WRITE: new RolePools('READ_WRITE', limits.pools),
      READ_ONLY: new RolePools('READ_ONLY', limits.pools),
    };
    this.firstAnswer = new Promise((resolve) => {
      this.#answeredFirst = resolve;
    });
    this.#monitor = new Monitor(places, limits.health, this);
    this.#serve();
    this.#monitor.start();
  }

  /** All targets, in the order in which settings, DNS and the database name them. */
  get targets(): readonly Target[] {
    return this.#monitor.members.map(({ target }) => target);
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

  find(name: string): Target | undefined {
    return this.targets.find((target) => target.name === name);
  }

  makeTarget(place: Place): Target {
    return new Target(place, this.#limits.shares, this);
  }

  healthLogin(target: Target): LoginOptions {
    return this.#owner.healthLogin(target);
  }

  connect(...[target, pool, done]: Parameters<TargetOwner['connect']>): void {
    this.#owner.connect(target, pool, (failure, login) => {
      // PostgreSQL 14 and newer say so at login: between two checks the writer may have become a standby.
      if (
        login !== null &&
        target === this.writer &&
        !this.#asItIs &&
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

  evidence(target: Target, what: string): void {
    const member = this.#monitor.find(target);
    if (member === null || target.doubt !== null || this.#closed) return;
    // What does not serve cannot be in doubt; what cannot be asked has pools that try again by themselves.
    if (!this.allPools.some((role) => role.serves(target)) || member.last?.kind === 'unclear')
      return;
    // A standby refuses writes by right.
    if (what === '25006' && (member !== this.#writer || this.#asItIs)) return;
    if (what === '25006' && performance.now() - this.#unfoundedAt < readOnlyPause) return;
    target.doubt = what;
    if (member === this.#writer) this.story.evidence(target.name, what);
    this.#hold();
    // Whoever is being shut down may still answer on a connection that is there, but lets nobody new in.
    this.#monitor.check(member, what !== '25006');
  }

  answered(member: Member): void {
    const { target, last } = member;
    if (last?.kind === 'role') {
      this.#endOldIfRestarted(target, last.role);
      target.learn(last.role);
      this.#choice.learn(last.role);
    }
    this.#decide(member);
    this.#readers.learn(member, this.#writer);
    this.#settleDoubt(member);
    this.#serve();
    this.#describe();
    this.#answeredFirst();
  }

  heard(member: Member): void {
    if (member.target.doubt !== null) this.#unfounded(member);
  }

  listChanged(): void {
    this.#serve();
  }

  keeps(member: Member): boolean {
    return member === this.#choice.last;
  }

  /** Applies changed limits. */
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

  /** Everyone waits from now on; what runs goes on. True once nothing runs any more. */
  pause(): boolean {
    if (!this.#paused) {
      this.#paused = true;
      events.paused.publish({});
      this.#hold();
    }
    return this.allPools.every((role) => role.isQuiet());
  }

  /** Ends a pause: whoever waited is served by the writer, whichever target that is now. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    events.resumed.publish({});
    // Whoever paused has changed something: nobody is served by a target that has not answered again.
    for (const member of this.#monitor.members) {
      if (member.last?.kind !== 'role' || member.target.doubt !== null) continue;
      member.target.doubt = afterPause;
      this.#monitor.check(member, true);
    }
    this.#hold();
    this.#monitor.checkAll();
  }

  /** Nothing more is lent of a target, and it is left as transactions end. True once nothing runs there any more. */
  drain(target: Target): boolean {
    if (!target.drained) {
      target.drained = true;
      events.targetDrained.publish({ target: target.name });
      for (const role of this.allPools) role.retire(target, 'its target is drained');
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

  /** Ends every connection; whoever waits for one gets `error`. */
  close(error: ErrorFields): void {
    this.#closed = true;
    this.#monitor.close();
    for (const role of this.allPools) role.close(error);
  }

  #decide(answered: Member): void {
    const writer = this.#writer;
    if (writer !== null && answered !== writer) {
      // What was served for want of a writer gives way to one.
      if (this.#asItIs && answered.listed && this.#choice.isWriter(answered)) this.#take(answered);
      else if (this.#choice.outranks(answered, writer))
        this.#lose(writer, `${answered.target.name} is the writer now`);
    } else if (writer !== null) this.#judgeWriter(writer);
    if (this.#writer !== null) return;
    const standbyServes = !this.hadWriter || this.#asItIs;
    const best = this.#choice.best(distinct(this.#monitor.members, null), standbyServes);
    if (best !== null) this.#take(best);
  }

  /** Is the writer still the writer? */
  #judgeWriter(writer: Member): void {
    const { last } = writer;
    if (last?.kind === 'gone') this.#lose(writer, last.message);
    else if (last?.kind === 'silent') {
      if (writer.silent >= this.#limits.health.failures) this.#lose(writer, last.message);
    } else if (last?.kind === 'role') {
      if (!last.role.inRecovery) this.#asItIs = false;
      else if (!this.#asItIs) this.#lose(writer, 'it is a standby now');
    }
  }

  #lose({ target }: Member, why: string): void {
    this.#writer = null;
    target.doubt = null;
    this.story.lost(target.name, why);
    for (const role of this.allPools) role.retire(target, why);
    this.#hold();
    this.#monitor.checkAll();
  }

  #take(member: Member): void {
    const former = this.#choice.last;
    const { target } = member;
    this.#writer = member;
    this.#choice.took(member);
    this.#asItIs = target.role?.inRecovery !== false;
    const pools = this.#roles.READ_WRITE;
    this.story.found(target.name, pools.waiting, pools.pools);
    if (former === member) return;
    this.#readers.writerChanged();
    pools.serve([target], `${target.name} is the writer now`);
    if (former !== null)
      for (const role of this.allPools) role.end(former.target, `${target.name} is the writer now`);
    this.#monitor.prune();
  }

  /** Every connection to a target that has gone for certain, or whose server was started anew, ends. */
  #end(target: Target, why: string): void {
    target.epoch++;
    for (const role of this.allPools) role.end(target, why);
  }

  #endOldIfRestarted(target: Target, { startedAt }: Role): void {
    if (target.role !== null && target.role.startedAt !== startedAt)
      this.#end(target, 'the database was restarted');
  }

  /** A check that traffic asked for has ended: is there anything in it? */
  #settleDoubt(member: Member): void {
    const { target, last } = member;
    if (target.doubt === null) return;
    if (last?.kind === 'silent' && member.silent < this.#limits.health.failures) {
      this.#monitor.check(member, true);
      return;
    }
    if (last?.kind !== 'gone' && last?.kind !== 'silent') this.#unfounded(member);
    // It has been lost, or is no more among the standbys that serve.
    else target.doubt = null;
  }

  /** It serves as before. */
  #unfounded(member: Member): void {
    const { doubt } = member.target;
    member.target.doubt = null;
    if (member === this.#writer && doubt !== afterPause) {
      this.#unfoundedAt = performance.now();
      this.story.unfounded();
    }
    this.#hold();
    for (const role of this.allPools) role.resume();
  }

  /** Who serves, as things stand. */
  #serve(): void {
    const { READ_WRITE: writers, READ_ONLY: readers } = this.#roles;
    const { members } = this.#monitor;
    if (writers.serving.length === 0) {
      // Until a writer is found its pools wait at the first target.
      const [first] = members;
      if (first !== undefined) writers.serve([first.target], '');
    }
    const { failures } = this.#limits.health;
    const serving = this.#readers.best(distinct(members, this.#writer), this.#writer, failures);
    const isSame =
      serving.length === readers.serving.length &&
      serving.every((target) => readers.serves(target));
    if (!isSame) {
      // A read that a standby fell silent over can run on another: nothing is lost by ending it.
      for (const target of readers.serving)
        if (!serving.includes(target) && this.#monitor.find(target)?.last?.kind === 'silent')
          readers.end(target, `${target.name} does not answer`);
      readers.serve(serving, 'it takes no more reads');
      events.readersChanged.publish({ targets: serving.map(({ name }) => name) });
      readers.resume();
    }
    this.#hold();
  }

  /** Lends or not, as things stand. */
  #hold(): void {
    const { READ_WRITE: writers, READ_ONLY: readers } = this.#roles;
    const paused = this.#paused ? 'The proxy is paused.' : null;
    const last = this.#choice.last?.target.name;
    const noWriter =
      this.#writer === null
        ? `No target is the writer${last === undefined ? '' : `; the last one was ${last}`}.`
        : null;
    writers.hold(paused ?? noWriter ?? unlent(writers.serving));
    const noReader = readers.serving.length === 0 ? 'No standby can take reads.' : null;
    readers.hold(paused ?? noReader ?? unlent(readers.serving));
  }

  #describe(): void {
    const standing = {
      writer: this.#writer,
      failures: this.#limits.health.failures,
      lagLimit: this.#limits.readers.lagLimit,
    };
    const { members } = this.#monitor;
    for (const member of members) {
      const principal = principalOf(member, members, this.#writer);
      if (!judge(member, { ...standing, principal })) continue;
      const { name, state, reason, message } = member.target;
      events.targetStateChanged.publish({ target: name, state, reason, message });
    }
  }
}

/** Why none of these is lent, or null when one is. */
function unlent(targets: readonly Target[]): string | null {
  if (targets.some(({ lends }) => lends)) return null;
  return targets
    .map(({ name, doubt }) =>
      doubt === null ? `${name} is drained.` : `${name} is being checked: ${doubt}.`,
    )
    .join(' ');
}
