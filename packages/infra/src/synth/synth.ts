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

/**
 * Makes the CloudFormation template of the model. No look-ups, no network; the same model gives the same template.
 * @param outdir where the assembly goes; a temporary folder when not given
 */
export function synthesize(model: Model, outdir?: string): Synthesized {
  const app = new App({
    analyticsReporting: false,
    ...(outdir === undefined ? {} : { outdir }),
    context: {
      // The template stays readable: no aws:cdk:path, and no version line that changes with the library.
      'aws:cdk:disable-path-metadata': true,
      'aws:cdk:disable-asset-staging': true,
    },
  });
  const stack = new ProxyStack(app, model);
  const assembly = app.synth();
  const template = record(assembly.getStackArtifact(stack.artifactId).template);
  return { app, assembly, template };
}
