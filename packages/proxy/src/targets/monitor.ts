import type { LoginOptions } from '../backend/login.ts';
import { clock } from '../io/clock.ts';
import { HealthCheck } from './health-check.ts';
import type { MonitoredTarget } from './monitored-target.ts';
import type { TargetAddresses } from './target-addresses.ts';
import type { TargetAddress, Target } from './target.ts';
import type { Peer } from './topology.ts';

/** The parameters of health checks; they change on reload. Times in milliseconds. */
export interface HealthLimits {
  readonly interval: number;
  readonly timeout: number;
  /** The number of consecutive checks without a response after which the target is unavailable. */
  readonly failures: number;
}

/** The interval of checks while no target can serve, in milliseconds; a check is one small round trip. */
const searchInterval = 50;

/** The owner of the targets, which gets the results of the checks. */
export interface MonitorOwner {
  /** The login of a health check at a target. */
  healthLogin(target: Target): LoginOptions;
  makeTarget(address: TargetAddress): Target;
  /** A check of a target has ended. */
  answered(monitored: MonitoredTarget): void;
  /** A check got no response in time, but clients did. */
  respondedToClients(monitored: MonitoredTarget): void;
  /** Targets were added or removed. */
  listChanged(): void;
  /** Targets that must not be removed although they are no longer listed. */
  keeps(monitored: MonitoredTarget): boolean;
  /** No target can serve: check as fast as is reasonable. */
  readonly searching: boolean;
}

/** Maintains the list of targets from settings, DNS, the RDS API and the database, and checks each at intervals. */
export class Monitor {
  limits: HealthLimits;
  readonly #owner: MonitorOwner;
  readonly #addresses: TargetAddresses;
  /** By address: the same address under another name is the same target. */
  readonly #monitoredTargets = new Map<string, MonitoredTarget>();
  #resolving = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Creates the targets at the found addresses; `start` begins to check them. */
  constructor(addresses: TargetAddresses, limits: HealthLimits, owner: MonitorOwner) {
    this.#addresses = addresses;
    this.limits = limits;
    this.#owner = owner;
    for (const address of addresses.found) this.#add(address);
  }

  /** In the order of settings, DNS and the database. */
  get monitoredTargets(): readonly MonitoredTarget[] {
    return [...this.#monitoredTargets.values()];
  }

  find(target: Target): MonitoredTarget | null {
    return this.#monitoredTargets.get(addressOf(target.address)) ?? null;
  }

  start(): void {
    this.checkAll();
  }

  /** Checks all targets now, in parallel, and again after the interval. */
  checkAll(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    for (const monitored of this.#monitoredTargets.values()) this.check(monitored, false);
    const { interval } = this.limits;
    const pause = this.#owner.searching ? Math.min(searchInterval, interval) : interval;
    this.#timer = setTimeout(() => this.checkAll(), pause);
    if (this.#addresses.change && !this.#resolving) void this.#findTargets();
  }

  /** Checks one target now; `overNewConnection`, because an existing connection shows nothing about new ones. */
  check(monitored: MonitoredTarget, overNewConnection: boolean): void {
    const startedAt = clock.now;
    monitored.check.start(this.limits.timeout, overNewConnection, (result) => {
      // A target that responds to clients is only slow: a database under load must stay in use.
      if (result.kind === 'silent' && monitored.target.receivedAt > startedAt) {
        this.#owner.respondedToClients(monitored);
        return;
      }
      monitored.last = result;
      monitored.silent = result.kind === 'silent' ? monitored.silent + 1 : 0;
      this.#owner.answered(monitored);
    });
  }

  /** Removes targets that are no longer listed and that the owner does not keep. */
  prune(): void {
    for (const [address, monitored] of this.#monitoredTargets) {
      if (monitored.listed || this.#owner.keeps(monitored)) continue;
      this.#monitoredTargets.delete(address);
      monitored.check.close();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#addresses.close();
    for (const { check } of this.#monitoredTargets.values()) check.close();
  }

  async #findTargets(): Promise<void> {
    this.#resolving = true;
    const addresses = await this.#addresses.find(this.#owner.searching);
    this.#resolving = false;
    if (!this.#closed) this.#update(addresses);
  }

  #update(addresses: readonly TargetAddress[]): void {
    const named = new Set(addresses.map(addressOf));
    let changed = false;
    for (const [address, monitored] of this.#monitoredTargets) {
      const listed = named.has(address);
      if (monitored.listed !== listed) changed = true;
      monitored.listed = listed;
    }
    for (const address of addresses) {
      const known = this.#monitoredTargets.get(addressOf(address));
      known?.target.rename(address);
      if (known !== undefined) continue;
      this.#add(address);
      changed = true;
    }
    if (!changed) return;
    this.prune();
    this.#owner.listChanged();
    // A new address behind a name is itself a failure signal.
    this.checkAll();
  }

  #add(address: TargetAddress): void {
    const target = this.#owner.makeTarget(address);
    const check = new HealthCheck(target, this.#addresses.topology, {
      login: () => this.#owner.healthLogin(target),
      lost: () => target.failureSignal('the health connection was lost'),
      peers: (peers) => this.#learn(address, peers),
    });
    this.#monitoredTargets.set(addressOf(address), {
      target,
      check,
      listed: true,
      silent: 0,
      last: null,
      reportedLag: 0,
    });
  }

  #learn(from: TargetAddress, peers: readonly Peer[]): void {
    this.#addresses.learn(from.name, peers);
    for (const { host, port, lag } of peers) {
      if (lag === undefined) continue;
      for (const monitored of this.#monitoredTargets.values()) {
        const { address } = monitored.target;
        if (address.serverName === host && address.port === port) monitored.reportedLag = lag;
      }
    }
  }
}

function addressOf({ host, port }: TargetAddress): string {
  return `${host}:${port}`;
}
