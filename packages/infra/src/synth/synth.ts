import { App } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Model } from '../model/model.ts';
import { record } from '../values.ts';
import { ProxyStack } from './proxy-stack.ts';

/** What synthesis gives: the construct tree for the rule packs, the assembly for the toolkit, the template for people. */
export interface Synthesized {
  readonly app: App;
  readonly assembly: CloudAssembly;
  readonly template: Readonly<Record<string, unknown>>;
}

/** How to synthesize. */
export interface SynthesisOptions {
  /** Where the assembly goes. @default - a temporary folder */
  readonly outdir?: string;
  /** Whether CDK checks the template against CloudFormation's schemas. @default false */
  readonly validate?: boolean;
}

/**
 * Makes the CloudFormation template of the model. No look-ups, no network; the same model gives the same template.
 */
export function synthesize(model: Model, options: SynthesisOptions = {}): Synthesized {
  const app = new App({
    analyticsReporting: false,
    // It takes longer than all the rest; a test turns it on, and cfn-lint looks at the same templates.
    builtinCloudFormationValidation: options.validate ?? false,
    ...(options.outdir === undefined ? {} : { outdir: options.outdir }),
    context: {
      // The template stays readable: no aws:cdk:path, and no version line that changes with the library.
      'aws:cdk:disable-path-metadata': true,
      'aws:cdk:disable-asset-staging': true,
      // StackTags are the stack's; CloudFormation hands them on itself.
      '@aws-cdk/core:explicitStackTags': true,
    },
  });
  const stack = new ProxyStack(app, model);
  const assembly = app.synth();
  const template = record(assembly.getStackArtifact(stack.artifactId).template);
  return { app, assembly, template };
}
