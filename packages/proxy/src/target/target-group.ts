import type { ErrorFields } from '@sluice/wire';
import type { LoginOptions } from '../backend/login.ts';
import { events } from '../telemetry/events.ts';
import { FailoverStory } from './failover-story.ts';
import { HealthCheck } from './health-check.ts';
import type { CheckResult } from './health-check.ts';
import type { Places } from './places.ts';
import { Target } from './target.ts';
import type { Place, TargetLimits, TargetOwner } from './target.ts';
import { TargetState, UnavailableReason } from './target-state.ts';

/** How targets are checked; changes on reload. Times in milliseconds. */
export interface HealthLimits {
  readonly interval: number;
  readonly timeout: number;
  /** How many checks in a row may get no answer before the target counts as gone. */
  readonly failures: number;
}

/** What a group needs from the proxy around it. */
export interface GroupOwner {
  /** Opens a connection for a pool. */
  connect: TargetOwner['connect'];
  /** How the health check logs in to a target. */
  healthLogin(target: Target): LoginOptions;
}

/** While there is no writer every target is asked this often, in milliseconds; a check is one small round trip. */
const searchInterval = 50;

/** After a 25006 that was no sign of a lost writer, further ones hold nobody up for so long, in milliseconds. */
const readOnlyPause = 1000;

/** A target and what the checks of it have found. */
interface Member {
  readonly target: Target;
  readonly check: HealthCheck;
  /** Still among the places that settings and DNS name. */
  listed: boolean;
  /** Checks in a row without an answer. */
  silent: number;
  last: CheckResult | null;
}

/**
 * The targets behind a proxy. Knows which of them is the writer, by asking, and keeps the pools there: when it is
 * lost, everyone waits in the borrow queue, and the first target that proves to be the writer takes the pools over.
 *
 * Rules: a writer is not in recovery. Of one cluster (system identifier) only the newest timeline ever seen may be the
 * writer, so a former primary that comes back is not. Loans that are out when the writer is lost are left alone until
 * another server is known to run: a writer that was only slow loses nothing.
 */
export class TargetGroup implements TargetOwner {
  readonly story = new FailoverStory();
  /** Resolves when a target has answered, or has not in time. */
  readonly firstAnswer: Promise<void>;
  #answeredFirst: () => void = () => undefined;
  readonly #owner: GroupOwner;
  readonly #members = new Map<string, Member>();
  /** The newest timeline seen of each cluster, by system identifier. */
  readonly #timelines = new Map<string, number>();
  #places: Places;
  #targetLimits: TargetLimits;
  #limits: HealthLimits;
  /** Where the pools are: the writer, or the last one. */
  #current: Member;
  #hasWriter = false;
  #hadWriter = false;
  /** What traffic said against the writer, while a check of it is under way. */
  #doubt: string | null = null;
  #unfoundedAt = -Infinity;
  /** The only target serves though it did not prove to be the writer. */
  #asItIs = false;
  /** When the server that the pools are connected to was started. */
  #startedAt: string | undefined;
  #paused = false;
  #lookingUp = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Makes the group of the targets that were found, and begins to check them. */
  constructor(
    places: Places,
    limits: { readonly target: TargetLimits; readonly health: HealthLimits },
    owner: GroupOwner,
  ) {
    this.#places = places;
    this.#targetLimits = limits.target;
    this.#limits = limits.health;
    this.#owner = owner;
    this.#update(places.found);
    const [member] = this.#members.values();
    if (member === undefined) throw new Error('a target group needs a target');
    this.#current = member;
    this.firstAnswer = new Promise((resolve) => {
      this.#answeredFirst = resolve;
    });
    this.#checkNow();
  }

  /** All targets, in the order in which settings and DNS name them. */
  get targets(): readonly Target[] {
    return [...this.#members.values()].map(({ target }) => target);
  }

  /** The target that has the pools: the writer, or while there is none the last one. */
  get current(): Target {
    return this.#current.target;
  }

  get writer(): Target | null {
    return this.#hasWriter ? this.#current.target : null;
  }

  /** True once a writer was found. */
  get hadWriter(): boolean {
    return this.#hadWriter;
  }

  get paused(): boolean {
    return this.#paused;
  }

  connect(...[target, pool, done]: Parameters<TargetOwner['connect']>): void {
    this.#owner.connect(target, pool, (failure, login) => {
      // PostgreSQL 14 and newer say so at login: between two checks the writer may have become a standby.
      if (
        login !== null &&
        this.#hadWriter &&
        target.role?.inRecovery === false &&
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
    const member = this.#current;
    if (target !== member.target || !this.#hasWriter || this.#doubt !== null || this.#closed)
      return;
    // It cannot be asked: its pools try again by themselves.
    if (member.last?.kind === 'unclear') return;
    if (what === '25006' && performance.now() - this.#unfoundedAt < readOnlyPause) return;
    this.#doubt = what;
    this.story.evidence(target.name, what);
    this.#hold();
    this.#checkNow();
  }

  /** Applies changed limits. */
  reload(target: TargetLimits, health: HealthLimits): void {
    this.#targetLimits = target;
    this.#limits = health;
    for (const member of this.#members.values()) member.target.reload(target);
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    for (const { target } of this.#members.values()) target.tick();
  }

  /** Everyone waits from now on; what runs goes on. True once nothing runs any more. */
  pause(): boolean {
    if (!this.#paused) {
      this.#paused = true;
      events.paused.publish({});
      this.#hold();
    }
    return [...this.current.pools].every((pool) => pool.idleCount === pool.connections.size);
  }

  /** Ends a pause: whoever waited is served by the writer, whichever target that is now. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    events.resumed.publish({});
    // Whoever paused has changed something: nobody is served before the writer has answered again.
    if (this.#hasWriter && this.#current.last?.kind !== 'unclear') this.#doubt = 'resumed';
    this.#hold();
    this.#checkNow();
  }

  /** Ends every connection; whoever waits for one gets `error`. */
  close(error: ErrorFields): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { check, target } of this.#members.values()) {
      check.close();
      target.close(error);
    }
  }

  /** Checks every target now, and again after the interval. */
  #checkNow(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    for (const member of this.#members.values())
      member.check.ask(this.#limits.timeout, (result) => this.#answered(member, result));
    const searching = !this.#hasWriter || this.#paused;
    const pause = searching
      ? Math.min(searchInterval, this.#limits.interval)
      : this.#limits.interval;
    this.#timer = setTimeout(() => this.#checkNow(), pause);
    if (this.#places.hasNames && !this.#lookingUp) void this.#lookUp();
  }

  async #lookUp(): Promise<void> {
    this.#lookingUp = true;
    const places = await this.#places.find();
    this.#lookingUp = false;
    if (!this.#closed) this.#update(places);
  }

  /** Makes the members those of the places; one that has the pools stays until another takes them. */
  #update(places: readonly Place[]): void {
    for (const member of this.#members.values()) member.listed = false;
    let added = false;
    for (const place of places) {
      const known = this.#members.get(place.name);
      if (known !== undefined) known.listed = true;
      else {
        added = true;
        this.#add(place);
      }
    }
    for (const [name, member] of this.#members) {
      if (member.listed || member === this.#current) continue;
      this.#members.delete(name);
      member.check.close();
    }
    // A new address behind the name is evidence by itself.
    if (added && this.#hadWriter) this.#checkNow();
  }

  #add(place: Place): void {
    const target = new Target(place, this.#targetLimits, this);
    const check = new HealthCheck(
      () => this.#owner.healthLogin(target),
      () => this.evidence(target, 'the health connection was lost'),
    );
    this.#members.set(place.name, { target, check, listed: true, silent: 0, last: null });
  }

  #answered(member: Member, result: CheckResult): void {
    const { target } = member;
    member.last = result;
    member.silent = result.kind === 'silent' ? member.silent + 1 : 0;
    if (result.kind === 'role') {
      target.learn(result.role);
      const { systemId, timeline, inRecovery } = result.role;
      if (systemId !== null && timeline !== null && !inRecovery)
        this.#timelines.set(systemId, Math.max(timeline, this.#timelines.get(systemId) ?? 0));
    }
    this.#decide(member);
    this.#describe(member);
    this.#answeredFirst();
  }

  /** Sets the state that people see. */
  #describe(member: Member): void {
    const { target, last } = member;
    const before = `${target.state} ${target.reason}`;
    if (last?.kind === 'role') {
      const impostor = !last.role.inRecovery && this.#hasWriter && member !== this.#current;
      target.state = impostor ? TargetState.Unavailable : TargetState.Available;
      target.reason = impostor ? UnavailableReason.InvalidReplicationState : null;
      target.message = impostor ? `it takes writes, and ${this.current.name} is the writer` : '';
    } else if (
      last !== null &&
      (last.kind !== 'silent' || member.silent >= this.#limits.failures)
    ) {
      target.state = TargetState.Unavailable;
      target.reason = last.reason;
      target.message = last.message;
    }
    if (`${target.state} ${target.reason}` === before) return;
    const { name, state, reason, message } = target;
    events.targetStateChanged.publish({ target: name, state, reason, message });
  }

  #decide(answered: Member): void {
    if (this.#hasWriter && answered !== this.#current) {
      if (this.#outranks(answered)) this.#lose(`${answered.target.name} is the writer now`);
    } else if (this.#hasWriter) this.#judgeWriter(answered);
    if (this.#hasWriter) return;
    const best = this.#best();
    if (best !== null) this.#take(best);
  }

  /** Is the writer still the writer? */
  #judgeWriter(writer: Member): void {
    const { last } = writer;
    switch (last?.kind) {
      case 'gone':
        this.#lose(last.message);
        break;
      case 'silent':
        if (writer.silent >= this.#limits.failures) this.#lose(last.message);
        else this.#checkNow();
        break;
      case 'role':
        if (last.role.inRecovery && !this.#asItIs) this.#lose('it is a standby now');
        else {
          if (!last.role.inRecovery) this.#asItIs = false;
          this.#endOldIfRestarted(writer);
          this.#reassured();
        }
        break;
      default:
        this.#reassured();
    }
  }

  /** The doubt was unfounded: it serves as before. */
  #reassured(): void {
    if (this.#doubt !== null) {
      this.#doubt = null;
      this.#unfoundedAt = performance.now();
      this.story.unfounded();
    }
    this.#hold();
  }

  #lose(why: string): void {
    const { target } = this.#current;
    this.#hasWriter = false;
    this.#doubt = null;
    this.story.lost(target.name, why);
    this.#hold();
    target.recycle(why);
    this.#checkNow();
  }

  #take(member: Member): void {
    const former = this.#current;
    const { target } = member;
    this.#hasWriter = true;
    this.#hadWriter = true;
    this.#asItIs = target.role?.inRecovery !== false;
    this.#current = member;
    let waiting = 0;
    for (const pool of former.target.pools) waiting += pool.waitingCount;
    this.story.found(target.name, waiting, former.target.pools);
    if (member === former) this.#endOldIfRestarted(member);
    else {
      target.takeOver(former.target, `${target.name} is the writer now`);
      this.#startedAt = target.role?.startedAt;
      if (!former.listed) {
        this.#members.delete(former.target.name);
        former.check.close();
      } else this.#describe(former);
    }
    this.#hold();
  }

  /** The connections of a server that has been started again since are dead, whatever their sockets say. */
  #endOldIfRestarted({ target }: Member): void {
    const startedAt = target.role?.startedAt;
    if (this.#startedAt !== undefined && startedAt !== this.#startedAt) {
      target.recycle('the database was restarted');
      target.endOld('the database was restarted');
    }
    this.#startedAt = startedAt;
  }

  /** Lends or not, as things stand. */
  #hold(): void {
    const { target } = this.#current;
    let why: string | null = null;
    if (this.#paused) why = 'The proxy is paused.';
    else if (!this.#hasWriter) why = `No target is the writer; the last one was ${target.name}.`;
    else if (this.#doubt !== null) why = `${target.name} is being checked: ${this.#doubt}.`;
    if (why !== null) target.held = why;
    else if (target.held !== null) target.resume();
  }

  /** The target to serve, or null while none has proved to be the writer. */
  #best(): Member | null {
    const listed = [...this.#members.values()].filter((member) => member.listed);
    // At the start nobody is taken before everybody was asked: the first to answer may be a former primary.
    if (!this.#hadWriter && listed.some(({ last }) => last === null)) return null;
    const writers = listed.filter((member) => this.#isWriter(member));
    const [best] = writers.sort((a, b) => rank(b) - rank(a));
    if (best !== undefined) return best;
    const [only] = listed;
    if (listed.length > 1 || only === undefined) return null;
    // There is nothing else to choose: who points the proxy at a standby, or at a database that does not let the
    // check in, is served as it is.
    const { last } = only;
    const standby = last?.kind === 'role' && (!this.#hadWriter || this.#asItIs);
    return standby || last?.kind === 'unclear' ? only : null;
  }

  /** It takes writes, and nobody of its cluster was promoted after it. */
  #isWriter({ target, last }: Member): boolean {
    if (last?.kind !== 'role' || last.role.inRecovery) return false;
    const { systemId, timeline } = last.role;
    if (systemId === null || timeline === null) return true;
    const former = this.#current.target.role?.systemId ?? null;
    // Another cluster altogether: only when the former one is not to be asked any more (its name points elsewhere).
    if (this.#hadWriter && former !== null && former !== systemId && this.#current.listed)
      return target === this.#current.target;
    return timeline >= (this.#timelines.get(systemId) ?? 0);
  }

  /** It is the writer in place of the present one: promoted after it, or where the name points now. */
  #outranks(member: Member): boolean {
    const writer = this.#current;
    if (!member.listed || !this.#isWriter(member)) return false;
    if (!writer.listed) return true;
    const { timeline, systemId } = writer.target.role ?? { timeline: null, systemId: null };
    const other = member.target.role;
    if (timeline === null || other === null || other.timeline === null) return false;
    return other.systemId === systemId && other.timeline > timeline;
  }
}

/** Orders those that take writes: one that is not read-only first, then the newest timeline. */
function rank({ target }: Member): number {
  const { role } = target;
  if (role === null) return -1;
  return (role.readOnly ? 0 : 2 ** 33) + (role.timeline ?? 0);
}
