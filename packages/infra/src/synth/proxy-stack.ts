import {
  CfnResource,
  CliCredentialsStackSynthesizer,
  LegacyStackSynthesizer,
  RemovalPolicy,
  Stack,
  type App,
  type IStackSynthesizer,
} from 'aws-cdk-lib';
import type { Model } from '../model/model.ts';
import { databaseName } from '../resolve/names.ts';
import { nameEndpoint, writeParameters } from './extras.ts';
import { managedResources } from './managed-resources.ts';
import { writeOutputs } from './outputs.ts';
import { serviceResources } from './service-resources.ts';

/** The stack that the command deploys, with either engine and the same outputs. */
export class ProxyStack extends Stack {
  constructor(app: App, model: Model) {
    const { inputs } = model;
    super(app, 'Proxy', {
      stackName: model.stackName,
      env: { account: inputs.aws_account_id, region: inputs.aws_region },
      synthesizer: synthesizerFor(inputs.TemplateBucket),
      terminationProtection: inputs.TerminationProtection,
      tags: { ...inputs.StackTags },
      notificationArns: [...inputs.StackTopicArns],
      description: `Proxy ${model.proxyName} in front of ${databaseName(inputs)} (${inputs.engine})`,
    });
    // Names the owner of the stack: the inputs of another database must never change it.
    this.addMetadata('Sluice', { database: databaseName(inputs), adopted: model.adopted });
    const resources = inputs.engine === 'sluice' ? serviceResources : managedResources;
    const outputs = nameEndpoint(this, inputs, resources(this, model));
    writeOutputs(this, outputs);
    writeParameters(this, inputs, outputs);
    if (inputs.RetainOnDelete || model.adopted) {
      retainAll(this);
    }
  }
}

/**
 * Without a bucket: the only synthesizer that needs no bootstrap, with no roles and no assets; the template is sent as
 * it is. With a bucket: the template is uploaded there with the caller's own credentials.
 */
function synthesizerFor(bucket: string | undefined): IStackSynthesizer {
  const synthesizer =
    bucket === undefined
      ? new LegacyStackSynthesizer()
      : new CliCredentialsStackSynthesizer({ fileAssetsBucketName: bucket });
  // aws-cdk-lib declares one optional property of it less strictly than its own interface.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return synthesizer as IStackSynthesizer;
}

function retainAll(stack: Stack): void {
  for (const construct of stack.node.findAll()) {
    if (CfnResource.isCfnResource(construct)) {
      construct.applyRemovalPolicy(RemovalPolicy.RETAIN);
    }
  }
}
