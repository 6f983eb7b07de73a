import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { instancePattern } from '../settings/aurora-endpoint.ts';
import { events } from '../telemetry/events.ts';
import type { Settings } from '../settings/index.ts';
import { RdsInstances } from './rds-instances.ts';
import type { TargetAddress } from './target.ts';
import { auroraTopology, multiAzTopology } from './topology.ts';
import type { HostPort, Topology } from './topology.ts';

/** Every address that a host name has now; throws when that cannot be found out. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** The places of the targets that settings name, as they can be found now. Throws RDS_INSTANCES when there is none. */
export async function findTargetAddresses(settings: Settings): Promise<TargetAddresses> {
  const addresses = new TargetAddresses(settings);
  try {
    await addresses.start();
  } catch (error) {
    addresses.close();
    throw error;
  }
  return addresses;
}

/** So much longer than others a target may be silent before what it said of its peers is forgotten, in milliseconds. */
const longestSilence = 60_000;

/**
 * Finds the places of the targets: those that settings name, those that the RDS API tells of the identifiers in
 * settings, and those that a target names as its peers; of a host name, every address behind it. Names are asked for anew each time; one that cannot be resolved now keeps the addresses it had.
 */
export class TargetAddresses {
  /** How a target is asked for its peers; null when settings do not want that. */
  readonly topology: Topology | null;
  readonly #hostPorts: readonly HostPort[];
  readonly #rds: RdsInstances;
  readonly #serverName: string | undefined;
  readonly #lookup: Lookup;
  /** What each target, by its name, has last said of its peers, and when. */
  readonly #peers = new Map<
    string,
    { readonly hostPorts: readonly HostPort[]; readonly at: number }
  >();
  /** The addresses that a name last had. */
  readonly #addresses = new Map<string, readonly string[]>();
  /** The names that could not be resolved when they were last asked for: each is told of once. */
  readonly #unresolved = new Set<string>();
  #found: readonly TargetAddress[] = [];

  constructor(settings: Settings, resolveName: Lookup = addressesOf) {
    const { TargetHost, TargetPort, Targets } = settings;
    this.#hostPorts = [
      ...(TargetHost === undefined ? [] : [{ host: TargetHost, port: TargetPort }]),
      ...Targets.map(({ Host, Port }) => ({ host: Host, port: Port ?? TargetPort })),
    ];
    this.#rds = new RdsInstances(settings);
    this.#lookup = resolveName;
    this.#serverName = settings.TargetTlsServerName;
    this.topology = topologyOf(settings);
  }

  /** The places may be others the next time they are looked for. */
  get change(): boolean {
    return (
      this.topology !== null ||
      this.#rds.wanted ||
      this.#hostPorts.some((hostPort) => isIP(hostPort.host) === 0)
    );
  }

  /** What was found last. */
  get found(): readonly TargetAddress[] {
    return this.#found;
  }

  /** A target names the instances of its cluster. */
  learn(target: string, hostPorts: readonly HostPort[]): void {
    this.#peers.set(target, { hostPorts, at: performance.now() });
  }

  /** Finds the first places. Only a start to which the settings give no host waits for the RDS API. */
  async start(): Promise<void> {
    if (this.#hostPorts.length === 0) await this.#rds.read();
    await this.#resolve();
  }

  /** Resolves all names that can be resolved; `searching`: while nobody can be served, the RDS API is asked sooner. */
  async find(searching: boolean): Promise<readonly TargetAddress[]> {
    this.#rds.keepUp(searching);
    return this.#resolve();
  }

  /** Asks nobody any more. */
  close(): void {
    this.#rds.close();
  }

  async #resolve(): Promise<readonly TargetAddress[]> {
    this.#forgetOld();
    const peers = [...this.#peers.values()].flatMap((answer) => answer.hostPorts);
    const hostPorts = [...this.#hostPorts, ...this.#rds.hostPorts, ...peers];
    const addresses = (
      await Promise.all(hostPorts.map((hostPort) => this.#addressesAt(hostPort)))
    ).flat();
    // The endpoint of a cluster and one of its instances may be the same address: one target, by its first name.
    const byAddress = new Map<string, TargetAddress>();
    for (const address of addresses) {
      const key = `${address.host}:${address.port}`;
      if (!byAddress.has(key)) byAddress.set(key, address);
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

  #cannotResolve(name: string, error: unknown): void {
    if (this.#unresolved.has(name)) return;
    this.#unresolved.add(name);
    const message = error instanceof Error ? error.message : String(error);
    const addresses = this.#addresses.get(name) ?? [];
    events.nameUnresolved.publish({ name, message, addresses });
  }

  async #addressesAt({ host, port }: HostPort): Promise<readonly TargetAddress[]> {
    const serverName = this.#serverName ?? host;
    if (isIP(host) !== 0)
      return [{ name: `${host}:${port}`, host, port, endpoint: host, serverName }];
    try {
      const found = await this.#lookup(host);
      this.#addresses.set(host, found);
      if (this.#unresolved.delete(host))
        events.nameResolved.publish({ name: host, addresses: found });
    } catch (error) {
      // The name server may be down as well; what it said last still counts.
      this.#cannotResolve(host, error);
    }
    const addresses = this.#addresses.get(host);
    // Dialling the name itself then tells what is wrong with it.
    if (addresses === undefined)
      return [{ name: `${host}:${port}`, host, port, endpoint: host, serverName }];
    return addresses.map((address) => ({
      name: `${host}[${address}]:${port}`,
      host: address,
      port,
      endpoint: host,
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
