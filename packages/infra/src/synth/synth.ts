import { App } from 'aws-cdk-lib';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Model } from '../model/model.ts';
import { record } from '../values.ts';
import { ProxyStack } from './proxy-stack.ts';

/**
 * The result of synthesis: the construct tree for the rule packs, the assembly for the toolkit, the template for
 * people.
 */
export interface Synthesized {
  readonly app: App;
  readonly assembly: CloudAssembly;
  readonly template: Readonly<Record<string, unknown>>;
}

/** How to synthesize. */
export interface SynthesisOptions {
  /** The folder of the assembly. @default - a temporary folder */
  readonly outdir?: string;
  /** Whether CDK checks the template against CloudFormation's schemas. @default false */
  readonly validate?: boolean;
}

/**
 * Creates the CloudFormation template of the model. No look-ups, no network; the same model always gives the same
 * template.
 */
export function synthesize(model: Model, options: SynthesisOptions = {}): Synthesized {
  const app = new App({
    analyticsReporting: false,
    // It takes longer than everything else. A test turns it on, and cfn-lint checks the same templates.
    builtinCloudFormationValidation: options.validate ?? false,
    ...(options.outdir === undefined ? {} : { outdir: options.outdir }),
    context: {
      // Keeps the template readable: no aws:cdk:path, and no version line that changes with the library.
      'aws:cdk:disable-path-metadata': true,
      'aws:cdk:disable-asset-staging': true,
      // StackTags are the stack's; CloudFormation propagates them itself.
      '@aws-cdk/core:explicitStackTags': true,
    },
  });
  const stack = new ProxyStack(app, model);
  const assembly = app.synth();
  const template = record(assembly.getStackArtifact(stack.artifactId).template);
  return { app, assembly, template };
}
