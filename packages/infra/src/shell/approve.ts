import { connectedClients, connectedText } from '../apply/connected-clients.ts';
import type { Clients } from '../aws/clients.ts';
import { InfraError, type InfraErrorCode } from '../errors.ts';
import type { Change } from '../plan/changes.ts';
import { lostEndpoints } from '../plan/endpoints.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { flag, type CommandLine } from './command-line.ts';
import { ask, canAsk } from './questions.ts';

/** What the user has to approve. */
export interface Proposal {
  readonly clients: Clients;
  /** What is deployed now, if anything. */
  readonly deployed: DeployedStack | undefined;
  /** The name that the user has to type if an endpoint is removed. */
  readonly name: string;
  readonly changes: readonly Change[];
  /** Whether a reviewed file is applied: the review is the approval of its contents. */
  readonly reviewed: boolean;
}

/**
 * Returns if the user consents to the apply, and throws otherwise. An ordinary change needs a yes or --auto-approve. A
 * change that removes an endpoint needs --replace, or the typed name of the proxy, and no connected clients.
 * @throws InfraError APPLY_REFUSED
 */
export async function approve(line: CommandLine, proposal: Proposal): Promise<void> {
  const { deployed, changes, name } = proposal;
  const lost = deployed === undefined ? [] : lostEndpoints(changes);
  if (deployed !== undefined && lost.length > 0) {
    const named = lost.map((change) => `${change.type} ${change.name ?? change.id}`).join(', ');
    line.stderr.write(`THIS REMOVES AN ENDPOINT THAT CLIENTS MAY USE: ${named}\n`);
    await refuseWhileConnected(line, { ...proposal, deployed, code: 'APPLY_REFUSED' });
    if (!flag(line, 'replace')) {
      await typedName(line, {
        name,
        code: 'APPLY_REFUSED',
        question: `type ${name} to remove the endpoint: `,
        without: `this removes an endpoint (${named}); if you want that, use --replace, and --auto-approve where there is no terminal`,
      });
      return;
    }
  }
  if (flag(line, 'autoApprove') || proposal.reviewed) {
    return;
  }
  const answer = await ask(line, 'apply this? Only yes is accepted: ');
  if (answer !== 'yes') {
    throw new InfraError(
      'APPLY_REFUSED',
      canAsk(line)
        ? 'not approved: nothing was changed'
        : 'nothing was changed: there is no terminal to ask for approval; review the plan and use --auto-approve, or apply a plan saved with sluice aws plan --save',
    );
  }
}

/**
 * Reports how many clients are connected and what happens to them, and refuses to disconnect them. If CloudWatch has no
 * number, there may still be clients.
 */
export async function refuseWhileConnected(
  line: CommandLine,
  {
    clients,
    deployed,
    code,
  }: {
    readonly clients: Clients;
    readonly deployed: DeployedStack;
    readonly code: InfraErrorCode;
  },
): Promise<void> {
  const connected = await connectedClients(clients, deployed);
  const detail = connectedText(connected);
  const nobody = 'most' in connected && connected.most === 0;
  line.stderr.write(
    `  ${detail}${nobody ? '' : '; clients that are connected are disconnected when the endpoint is removed'}\n`,
  );
  if (nobody || flag(line, 'force')) {
    return;
  }
  if ('unknown' in connected) {
    if (canAsk(line)) {
      // The name that the user types next also confirms this.
      return;
    }
    throw new InfraError(
      code,
      `${detail}, so nothing was changed; check yourself, and use --force if nobody is`,
    );
  }
  throw new InfraError(code, `${detail}; move them away first, or use --force to disconnect them`);
}

/** The name must be given with --confirm or typed at the terminal. */
export async function typedName(
  line: CommandLine,
  wanted: {
    readonly name: string;
    readonly code: InfraErrorCode;
    readonly question: string;
    readonly without: string;
  },
): Promise<void> {
  const { name, code, question, without } = wanted;
  const given = line.options['confirm'];
  const typed = typeof given === 'string' ? given : await ask(line, question);
  if (typed !== name) {
    throw new InfraError(
      code,
      typed === undefined
        ? without
        : `"${typed}" is not the name of the proxy, ${name}; nothing was changed`,
    );
  }
}
