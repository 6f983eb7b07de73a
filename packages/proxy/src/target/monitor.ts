import type { LoginOptions } from '../backend/login.ts';
import { clock } from '../relay/clock.ts';
import { HealthCheck } from './health-check.ts';
import type { Member } from './member.ts';
import type { Places } from './places.ts';
import type { Place, Target } from './target.ts';
import type { Peer } from './topology.ts';

/** How targets are checked; changes on reload. Times in milliseconds. */
export interface HealthLimits {
  readonly interval: number;
  readonly timeout: number;
  /** How many checks in a row may get no answer before the target counts as gone. */
  readonly failures: number;
}

/** While nobody can be served every target is asked this often, in milliseconds; a check is one small round trip. */
const searchInterval = 50;

/** Whoever keeps the targets: told what the checks find. */
export interface MonitorOwner {
  /** How a health check logs in to a target. */
  healthLogin(target: Target): LoginOptions;
  makeTarget(place: Place): Target;
  /** A check of a member has ended. */
  answered(member: Member): void;
  /** A check had no answer in time, and clients did. */
  heard(member: Member): void;
  /** Members came or went. */
  listChanged(): void;
  /** Members that must not be forgotten though nobody names them any more. */
  keeps(member: Member): boolean;
  /** Nobody can be served: look for somebody as fast as is sensible. */
  readonly searching: boolean;
}

/** Keeps the list of targets as settings, DNS, the RDS API and the database name them, and asks each at intervals. */
export class Monitor {
  limits: HealthLimits;
  readonly #owner: MonitorOwner;
  readonly #places: Places;
  /** By address: what is called by another name today is the same target. */
  readonly #members = new Map<string, Member>();
  #lookingUp = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Makes the members of the places that were found; `start` begins to ask them. */
  constructor(places: Places, limits: HealthLimits, owner: MonitorOwner) {
    this.#places = places;
    this.limits = limits;
    this.#owner = owner;
    for (const place of places.found) this.#add(place);
  }

  /** In the order in which settings, DNS and the database name them. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  find(target: Target): Member | null {
    return this.#members.get(addressOf(target.place)) ?? null;
  }

  start(): void {
    this.checkAll();
  }

  /** Asks every target now, all at once, and again after the interval. */
  checkAll(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    for (const member of this.#members.values()) this.check(member, false);
    const { interval } = this.limits;
    const pause = this.#owner.searching ? Math.min(searchInterval, interval) : interval;
    this.#timer = setTimeout(() => this.checkAll(), pause);
    if (this.#places.change && !this.#lookingUp) void this.#lookUp();
  }

  /** Asks one target now; `anew`: over a new connection, since one that is there says nothing about new ones. */
  check(member: Member, anew: boolean): void {
    const askedAt = clock.now;
    member.check.ask(this.limits.timeout, anew, (result) => {
      // Whoever answers clients is only slow: a database under load must not be given up.
      if (result.kind === 'silent' && member.target.heardAt > askedAt) {
        this.#owner.heard(member);
        return;
      }
      member.last = result;
      member.silent = result.kind === 'silent' ? member.silent + 1 : 0;
      this.#owner.answered(member);
    });
  }

  /** Forgets members that nobody names and the owner does not keep. */
  prune(): void {
    for (const [address, member] of this.#members) {
      if (member.listed || this.#owner.keeps(member)) continue;
      this.#members.delete(address);
      member.check.close();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#places.close();
    for (const { check } of this.#members.values()) check.close();
  }

  async #lookUp(): Promise<void> {
    this.#lookingUp = true;
    const places = await this.#places.find(this.#owner.searching);
    this.#lookingUp = false;
    if (!this.#closed) this.#update(places);
  }

  #update(places: readonly Place[]): void {
    const named = new Set(places.map(addressOf));
    let changed = false;
    for (const [address, member] of this.#members) {
      const listed = named.has(address);
      if (member.listed !== listed) changed = true;
      member.listed = listed;
    }
    for (const place of places) {
      if (this.#members.has(addressOf(place))) continue;
      this.#add(place);
      changed = true;
    }
    if (!changed) return;
    this.prune();
    this.#owner.listChanged();
    // A new address behind a name is evidence by itself.
    this.checkAll();
  }

  #add(place: Place): void {
    const target = this.#owner.makeTarget(place);
    const check = new HealthCheck(target, this.#places.topology, {
      login: () => this.#owner.healthLogin(target),
      lost: () => target.evidence('the health connection was lost'),
      peers: (peers) => this.#learn(place, peers),
    });
    this.#members.set(addressOf(place), {
      target,
      check,
      listed: true,
      silent: 0,
      last: null,
      toldLag: 0,
    });
  }

  #learn(from: Place, peers: readonly Peer[]): void {
    this.#places.learn(from.name, peers);
    for (const { host, port, lag } of peers) {
      if (lag === undefined) continue;
      for (const member of this.#members.values()) {
        const { place } = member.target;
        if (place.serverName === host && place.port === port) member.toldLag = lag;
      }
    }
  }
}

function addressOf({ host, port }: Place): string {
  return `${host}:${port}`;
}
