import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isSocketDirectory } from '../settings/socket-directory.ts';
import { instancePattern } from '../settings/aurora-endpoint.ts';
import { events } from '../telemetry/events.ts';
import type { Settings } from '../settings/index.ts';
import { RdsInstances } from './rds-instances.ts';
import type { TargetAddress } from './target.ts';
import { auroraTopology, multiAzTopology } from './topology.ts';
import type { HostPort, Topology } from './topology.ts';
import { messageOf } from '../error-message.ts';

/** All current addresses of a host name; throws if it cannot be resolved. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** The current addresses of the targets in the settings. Throws RDS_INSTANCES if there are none. */
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

/** How much longer than others a target can be silent before its list of peers is dropped, in milliseconds. */
const longestSilence = 60_000;

/**
 * Finds the addresses of the targets: those in the settings, those that the RDS API returns for identifiers in the
 * settings, and those that a target lists as its peers; for a host name, every address behind it. Names are resolved
 * again each time; a name that does not resolve keeps its last addresses.
 */
export class TargetAddresses {
  /** The query for the peers of a target; null if the settings do not enable it. */
  readonly topology: Topology | null;
  readonly #hostPorts: readonly HostPort[];
  readonly #rds: RdsInstances;
  readonly #serverName: string | undefined;
  readonly #lookup: Lookup;
  /** The last list of peers of each target, by its name, and when it was reported. */
  readonly #peers = new Map<
    string,
    { readonly hostPorts: readonly HostPort[]; readonly at: number }
  >();
  /** The last addresses of a name. */
  readonly #addresses = new Map<string, readonly string[]>();
  /** The names that did not resolve last time: each is reported once. */
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

  /** The addresses may change. */
  get change(): boolean {
    return (
      this.topology !== null || this.#rds.wanted || this.#hostPorts.some(({ host }) => isName(host))
    );
  }

  /** The addresses found last. */
  get found(): readonly TargetAddress[] {
    return this.#found;
  }

  /** A target lists the instances of its cluster. */
  learn(target: string, hostPorts: readonly HostPort[]): void {
    this.#peers.set(target, { hostPorts, at: performance.now() });
  }

  /** Finds the first addresses. Only a start without a host in the settings waits for the RDS API. */
  async start(): Promise<void> {
    if (this.#hostPorts.length === 0) await this.#rds.read();
    await this.#resolve();
  }

  /** Resolves all names; `searching`: while no target can serve, the RDS API is called sooner. */
  async find(searching: boolean): Promise<readonly TargetAddress[]> {
    this.#rds.keepUp(searching);
    return this.#resolve();
  }

  /** Stops all queries. */
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
    // The endpoint of a cluster and one of its instances may have the same address: one target, with its first name.
    const byAddress = new Map<string, TargetAddress>();
    for (const address of addresses) {
      const key = `${address.host}:${address.port}`;
      if (!byAddress.has(key)) byAddress.set(key, address);
    }
    this.#found = [...byAddress.values()];
    return this.#found;
  }

  /** The list of a target that no longer responds is superseded by those of others; in an outage it stays. */
  #forgetOld(): void {
    const newest = Math.max(...[...this.#peers.values()].map(({ at }) => at));
    for (const [name, { at }] of this.#peers)
      if (newest - at > longestSilence) this.#peers.delete(name);
  }

  #cannotResolve(name: string, error: unknown): void {
    if (this.#unresolved.has(name)) return;
    this.#unresolved.add(name);
    const message = messageOf(error);
    const addresses = this.#addresses.get(name) ?? [];
    events.nameUnresolved.publish({ name, message, addresses });
  }

  async #addressesAt({ host, port }: HostPort): Promise<readonly TargetAddress[]> {
    const serverName = this.#serverName ?? host;
    if (!isName(host)) return [{ name: `${host}:${port}`, host, port, endpoint: host, serverName }];
    try {
      const found = await this.#lookup(host);
      this.#addresses.set(host, found);
      if (this.#unresolved.delete(host))
        events.nameResolved.publish({ name: host, addresses: found });
    } catch (error) {
      // The name server may be down as well; its last response still counts.
      this.#cannotResolve(host, error);
    }
    const addresses = this.#addresses.get(host);
    // A connection to the name itself then reports the problem.
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

/** Whether it is resolved to addresses: no address, and no directory of a Unix socket. */
function isName(host: string): boolean {
  return isIP(host) === 0 && !isSocketDirectory(host);
}

/** As the operating system resolves it, without a cache. */
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
