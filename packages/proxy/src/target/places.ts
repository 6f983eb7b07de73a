import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { instancePattern } from '../settings/aurora-endpoint.ts';
import type { Settings } from '../settings/index.ts';
import type { Place } from './target.ts';
import { auroraTopology, multiAzTopology } from './topology.ts';
import type { Site, Topology } from './topology.ts';

/** The places of the targets that settings name, as they can be found now. */
export async function findPlaces(settings: Settings): Promise<Places> {
  const places = new Places(settings);
  await places.find();
  return places;
}

/** So much longer than others a target may be silent before what it said of its peers is forgotten, in milliseconds. */
const longestSilence = 60_000;

/**
 * Finds the places of the targets: those that settings name, and those that a target names as its peers; of a host
 * name, every address behind it. Names are asked for anew each time; one that cannot be resolved now keeps the addresses it had.
 */
export class Places {
  /** How a target is asked for its peers; null when settings do not want that. */
  readonly topology: Topology | null;
  readonly #sites: readonly Site[];
  readonly #serverName: string | undefined;
  /** What each target, by its name, has last said of its peers, and when. */
  readonly #peers = new Map<string, { readonly sites: readonly Site[]; readonly at: number }>();
  /** The addresses that a name last had. */
  readonly #addresses = new Map<string, readonly string[]>();
  #found: readonly Place[] = [];

  constructor(settings: Settings) {
    const { TargetHost, TargetPort, Targets } = settings;
    this.#sites = [
      { host: TargetHost, port: TargetPort },
      ...Targets.map(({ Host, Port }) => ({ host: Host, port: Port ?? TargetPort })),
    ];
    this.#serverName = settings.TargetTlsServerName;
    this.topology = topologyOf(settings);
  }

  /** The places may be others the next time they are looked for. */
  get change(): boolean {
    return this.topology !== null || this.#sites.some((site) => isIP(site.host) === 0);
  }

  /** What was found last. */
  get found(): readonly Place[] {
    return this.#found;
  }

  /** A target names the instances of its cluster. */
  learn(target: string, sites: readonly Site[]): void {
    this.#peers.set(target, { sites, at: performance.now() });
  }

  /** Resolves all names that can be resolved. */
  async find(): Promise<readonly Place[]> {
    this.#forgetOld();
    const peers = [...this.#peers.values()].flatMap((answer) => answer.sites);
    const sites = [...this.#sites, ...peers];
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
      const answers = await lookup(host, { all: true });
      this.#addresses.set(
        host,
        answers.map(({ address }) => address),
      );
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

function topologyOf({
  TargetTopology,
  TargetInstancePattern,
  TargetHost,
  TargetPort,
}: Settings): Topology | null {
  switch (TargetTopology) {
    case 'aurora': {
      const pattern = TargetInstancePattern ?? instancePattern(TargetHost);
      return pattern === undefined ? null : auroraTopology(pattern, TargetPort);
    }
    case 'multi-az-cluster':
      return multiAzTopology(TargetPort);
    default:
      return null;
  }
}
