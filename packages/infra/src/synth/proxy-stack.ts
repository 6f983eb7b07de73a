import { LegacyStackSynthesizer, Stack, type App, type IStackSynthesizer } from 'aws-cdk-lib';
import type { Model } from '../model/model.ts';
import { managedResources } from './managed-resources.ts';
import { writeOutputs } from './outputs.ts';
import { serviceResources } from './service-resources.ts';

/** The stack that the command deploys: one engine or the other, the same outputs. */
export class ProxyStack extends Stack {
  constructor(app: App, model: Model) {
    super(app, 'Proxy', {
      stackName: model.stackName,
      env: { account: model.inputs.aws_account_id, region: model.inputs.aws_region },
      // The only synthesizer that needs no bootstrap: no roles, no assets, the template is sent as it is.
      // aws-cdk-lib declares an optional property of it less strictly than its own interface.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      synthesizer: new LegacyStackSynthesizer() as IStackSynthesizer,
      description: `Proxy ${model.proxyName} in front of ${model.inputs.rds_instance_id} (${model.inputs.engine})`,
    });
    const resources = model.inputs.engine === 'sluice' ? serviceResources : managedResources;
    writeOutputs(this, resources(this, model));
  }
}
