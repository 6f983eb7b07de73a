import type { Clients } from '../aws/clients.ts';
import type { Inputs } from '../inputs/table.ts';
import type { StackSettings } from '../model/stack-settings.ts';

/** How long an apply waits, in seconds. */
export interface Timeouts {
  /** For CloudFormation. @default - no limit */
  readonly deployment?: number | undefined;
  /** For the targets, after CloudFormation has finished. */
  readonly target: number;
  /** For a connection through the endpoint. */
  readonly verify: number;
}

/** The timeouts from the inputs. */
export function timeoutsOf(
  inputs: Pick<Inputs, 'DeploymentTimeout' | 'TargetTimeout' | 'VerifyTimeout'>,
): Timeouts {
  return {
    deployment: inputs.DeploymentTimeout,
    target: inputs.TargetTimeout,
    verify: inputs.VerifyTimeout,
  };
}

/** What a deployment needs, whether it comes from inputs or from a saved plan. */
export interface Deployment {
  readonly stack: string;
  readonly proxy: string;
  readonly engine: Inputs['engine'];
  readonly account: string;
  readonly region: string;
  readonly clients: Clients;
  /** AwsProfile and AssumeRoleArn of the inputs. @default - the caller's own credentials */
  readonly profile?: string | undefined;
  readonly assumedRole?: string | undefined;
  /** The template that CloudFormation will have, which shows what it changes. */
  readonly template: Readonly<Record<string, unknown>>;
  /** The properties of the stack outside its template. */
  readonly settings: StackSettings;
  readonly timeouts: Timeouts;
  /** Whether clients must use TLS. */
  readonly tls: boolean;
  readonly roleArn?: string;
  /** The template that was deployed when the plan was made; undefined if there was none. */
  readonly planned?: Readonly<Record<string, unknown>>;
  /** An existing log group: it stays outside the stack, but gets the requested retention. */
  readonly keptLogGroup?: { readonly name: string; readonly days: number };
  /** The folder of a new assembly, or the name of a waiting change set. */
  readonly from: { readonly assembly: string } | { readonly changeSet: string };
}
