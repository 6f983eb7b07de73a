import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Settings } from '../settings/index.ts';
import type { Place } from './target.ts';

/** The places of the targets that settings name, as they can be found now. */
export async function findPlaces(settings: Settings): Promise<Places> {
  const places = new Places(settings);
  await places.find();
  return places;
}

/** A host and a port of the settings. */
interface Site {
  readonly host: string;
  readonly port: number;
}

/**
 * Finds the places of the targets: every address behind every host name. Names are asked for anew each time; a name
 * that cannot be resolved now keeps the addresses it had.
 */
export class Places {
  readonly #sites: readonly Site[];
  readonly #serverName: string | undefined;
  readonly #known = new Map<Site, readonly string[]>();
  #found: readonly Place[] = [];

  constructor(settings: Settings) {
    const { TargetHost, TargetPort, Targets } = settings;
    this.#sites = [
      { host: TargetHost, port: TargetPort },
      ...Targets.map(({ Host, Port }) => ({ host: Host, port: Port ?? TargetPort })),
    ];
    this.#serverName = settings.TargetTlsServerName;
  }

  /** The hosts that are names, and whose addresses may change. */
  get hasNames(): boolean {
    return this.#sites.some((site) => isIP(site.host) === 0);
  }

  /** What was found last. */
  get found(): readonly Place[] {
    return this.#found;
  }

  /** Resolves all names that can be resolved. */
  async find(): Promise<readonly Place[]> {
    const places = await Promise.all(this.#sites.map((site) => this.#placesOf(site)));
    this.#found = places.flat();
    return this.#found;
  }

  async #placesOf(site: Site): Promise<readonly Place[]> {
    const { host, port } = site;
    const serverName = this.#serverName ?? host;
    if (isIP(host) !== 0) return [{ name: `${host}:${port}`, host, port, serverName }];
    try {
      const answers = await lookup(host, { all: true });
      this.#known.set(
        site,
        answers.map(({ address }) => address),
      );
    } catch {
      // The name server may be down as well; what it said last still counts.
    }
    const addresses = this.#known.get(site);
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
