import type { Clients } from '../aws/clients.ts';
import type { Inputs } from '../inputs/table.ts';
import type { StackSettings } from '../model/stack-settings.ts';

/** How long an apply waits, in seconds. */
export interface Timeouts {
  /** For CloudFormation. @default - as long as it takes */
  readonly deployment?: number | undefined;
  /** For the targets, after CloudFormation is done. */
  readonly target: number;
  /** For a connection through the endpoint. */
  readonly verify: number;
}

/** The timeouts that the inputs give. */
export function timeoutsOf(
  inputs: Pick<Inputs, 'DeploymentTimeout' | 'TargetTimeout' | 'VerifyTimeout'>,
): Timeouts {
  return {
    deployment: inputs.DeploymentTimeout,
    target: inputs.TargetTimeout,
    verify: inputs.VerifyTimeout,
  };
}

/** What a deployment needs to know, whether it comes from inputs or from a saved plan. */
export interface Deployment {
  readonly stack: string;
  readonly proxy: string;
  readonly engine: Inputs['engine'];
  readonly account: string;
  readonly region: string;
  readonly clients: Clients;
  /** AwsProfile and AssumeRoleArn of the inputs; the caller's own credentials without them. */
  readonly profile?: string | undefined;
  readonly assumedRole?: string | undefined;
  /** The template that CloudFormation will have, to know what is touched. */
  readonly template: Readonly<Record<string, unknown>>;
  /** What the stack has beside its template. */
  readonly settings: StackSettings;
  readonly timeouts: Timeouts;
  /** Whether clients must use TLS. */
  readonly tls: boolean;
  readonly roleArn?: string;
  /** The template that was deployed when the plan was made; undefined when nothing was. */
  readonly planned?: Readonly<Record<string, unknown>>;
  /** A log group that was there before: it stays outside the stack, but gets the retention that was asked for. */
  readonly keptLogGroup?: { readonly name: string; readonly days: number };
  /** The folder of a fresh assembly, or the name of a change set that waits. */
  readonly from: { readonly assembly: string } | { readonly changeSet: string };
}
