import { bunNetwork } from './bun-network.ts';
import { nodeNetwork } from './node-network.ts';
import type { Network } from './transport.ts';

const networks = { node: nodeNetwork, bun: bunNetwork } as const;

/** Chooses the sockets: those of the runtime, unless SLUICE_SOCKETS names others for a comparison. */
function choose(): Network {
  const isBun = 'Bun' in globalThis;
  const wanted = process.env['SLUICE_SOCKETS'] ?? (isBun ? 'bun' : 'node');
  if (wanted === 'node' || (wanted === 'bun' && isBun)) return networks[wanted];
  throw new Error(
    `SLUICE_SOCKETS is "${wanted}"; it can be node, and bun if the process runs on Bun`,
  );
}

/** The sockets that this process uses. */
export const network: Network = choose();
