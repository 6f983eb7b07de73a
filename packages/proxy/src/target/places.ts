import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { instancePattern } from '../settings/aurora-endpoint.ts';
import type { Settings } from '../settings/index.ts';
import { RdsInstances } from './rds-instances.ts';
import type { Place } from './target.ts';
import { auroraTopology, multiAzTopology } from './topology.ts';
import type { Site, Topology } from './topology.ts';

/** Every address that a host name has now; throws when that cannot be found out. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** The places of the targets that settings name, as they can be found now. Throws RDS_INSTANCES when there is none. */
export async function findPlaces(settings: Settings): Promise<Places> {
  const places = new Places(settings);
  try {
    await places.start();
  } catch (error) {
    places.close();
    throw error;
  }
  return places;
}

/** So much longer than others a target may be silent before what it said of its peers is forgotten, in milliseconds. */
const longestSilence = 60_000;

/**
 * Finds the places of the targets: those that settings name, those that the RDS API tells of the identifiers in
 * settings, and those that a target names as its peers; of a host name, every address behind it. Names are asked for anew each time; one that cannot be resolved now keeps the addresses it had.
 */
export class Places {
  /** How a target is asked for its peers; null when settings do not want that. */
  readonly topology: Topology | null;
  readonly #sites: readonly Site[];
  readonly #rds: RdsInstances;
  readonly #serverName: string | undefined;
  readonly #lookup: Lookup;
  /** What each target, by its name, has last said of its peers, and when. */
  readonly #peers = new Map<string, { readonly sites: readonly Site[]; readonly at: number }>();
  /** The addresses that a name last had. */
  readonly #addresses = new Map<string, readonly string[]>();
  #found: readonly Place[] = [];

  constructor(settings: Settings, lookUp: Lookup = addressesOf) {
    const { TargetHost, TargetPort, Targets } = settings;
    this.#sites = [
      ...(TargetHost === undefined ? [] : [{ host: TargetHost, port: TargetPort }]),
      ...Targets.map(({ Host, Port }) => ({ host: Host, port: Port ?? TargetPort })),
    ];
    this.#rds = new RdsInstances(settings);
    this.#lookup = lookUp;
    this.#serverName = settings.TargetTlsServerName;
    this.topology = topologyOf(settings);
  }

  /** The places may be others the next time they are looked for. */
  get change(): boolean {
    return (
      this.topology !== null ||
      this.#rds.wanted ||
      this.#sites.some((site) => isIP(site.host) === 0)
    );
  }

  /** What was found last. */
  get found(): readonly Place[] {
    return this.#found;
  }

  /** A target names the instances of its cluster. */
  learn(target: string, sites: readonly Site[]): void {
    this.#peers.set(target, { sites, at: performance.now() });
  }

  /** Finds the first places. Only a start to which the settings give no host waits for the RDS API. */
  async start(): Promise<void> {
    if (this.#sites.length === 0) await this.#rds.read();
    await this.#resolve();
  }

  /** Resolves all names that can be resolved; `searching`: while nobody can be served, the RDS API is asked sooner. */
  async find(searching: boolean): Promise<readonly Place[]> {
    this.#rds.keepUp(searching);
    return this.#resolve();
  }

  /** Asks nobody any more. */
  close(): void {
    this.#rds.close();
  }

  async #resolve(): Promise<readonly Place[]> {
    this.#forgetOld();
    const peers = [...this.#peers.values()].flatMap((answer) => answer.sites);
    const sites = [...this.#sites, ...this.#rds.sites, ...peers];
    const places = (await Promise.all(sites.map((site) => this.#placesOf(site)))).flat();
    // The endpoint of a cluster and one of its instances may be the same address: one target, by its first name.
    const byAddress = new Map<string, Place>();
    for (const place of places) {
      const address = `${place.host}:${place.port}`;
      if (!byAddress.has(address)) byAddress.set(address, place);
    }
    this.#found = [...byAddress.values()];
    return this.#found;
  }

  /** What one target says that does not answer any more is superseded by what the others say; in an outage it stays. */
  #forgetOld(): void {
    const newest = Math.max(...[...this.#peers.values()].map(({ at }) => at));
    for (const [name, { at }] of this.#peers)
      if (newest - at > longestSilence) this.#peers.delete(name);
  }

  async #placesOf({ host, port }: Site): Promise<readonly Place[]> {
    const serverName = this.#serverName ?? host;
    if (isIP(host) !== 0) return [{ name: `${host}:${port}`, host, port, serverName }];
    try {
      this.#addresses.set(host, await this.#lookup(host));
    } catch {
      // The name server may be down as well; what it said last still counts.
    }
    const addresses = this.#addresses.get(host);
    // Dialling the name itself then tells what is wrong with it.
    if (addresses === undefined) return [{ name: `${host}:${port}`, host, port, serverName }];
    return addresses.map((address) => ({
      name: `${host}[${address}]:${port}`,
      host: address,
      port,
      serverName,
    }));
  }
}

/** As the operating system resolves it, which keeps nothing. */
async function addressesOf(host: string): Promise<readonly string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map(({ address }) => address);
}

function topologyOf({
  TargetTopology,
  TargetInstancePattern,
  TargetHost,
  TargetPort,
}: Settings): Topology | null {
  switch (TargetTopology) {
    case 'aurora': {
      const pattern = TargetInstancePattern ?? instancePattern(TargetHost ?? '');
      return pattern === undefined ? null : auroraTopology(pattern, TargetPort);
    }
    case 'multi-az-cluster':
      return multiAzTopology(TargetPort);
    default:
      return null;
  }
}
