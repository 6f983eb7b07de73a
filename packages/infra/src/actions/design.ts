import { PropsError } from '../constructs/props-error.ts';
import { InfraError } from '../errors.ts';
import type { Inputs } from '../inputs/table.ts';
import { settleIdentity } from '../model/identity.ts';
import { makeModel, type Model, type ModelOptions } from '../model/model.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import { checkSecurity } from '../security/check.ts';
import type { SecurityReport } from '../security/report.ts';
import { synthesize, type Synthesized } from '../synth/synth.ts';
import { record, stableJson } from '../values.ts';

/** A template, with what it came from and what the rules say of it. */
export interface Design {
  readonly model: Model;
  readonly resolved: Resolved;
  readonly synthesized: Synthesized;
  readonly security: SecurityReport;
  readonly notes: readonly string[];
}

/** What CloudFormation takes without a bucket, in bytes. */
const largestTemplate = 51_200;

/**
 * From inputs and ids to a template with its security report. Pure but for the assembly that CDK writes to a folder.
 * @param adopt whether a proxy that is there is to be taken over; one that was stays so
 * @throws InfraError INPUTS_INVALID when the template is too large to be sent and no bucket is named
 */
export function designOf(
  inputs: Inputs,
  resolved: Resolved,
  deployed: Readonly<Record<string, unknown>> | undefined,
  replace: boolean,
  adopt = false,
): Design {
  const identity = settleIdentity(inputs, resolved, deployed, replace);
  const adopted = adopt || record(record(deployed?.['Metadata'])['Sluice'])['adopted'] === true;
  const make = (options: ModelOptions): { model: Model; synthesized: Synthesized } => {
    const model = makeModel(inputs, resolved, identity, {
      ...options,
      adopted: adopted && inputs.engine === 'rds-proxy',
    });
    try {
      return { model, synthesized: synthesize(model) };
    } catch (error) {
      // What a construct refuses came from the inputs; without AWS no check has looked at them before.
      throw error instanceof PropsError
        ? new InfraError('INPUTS_INVALID', error.message, { cause: error })
        : error;
    }
  };
  const { model, synthesized } = withTaskCount(deployed, make);
  const size = Buffer.byteLength(JSON.stringify(synthesized.template));
  if (size > largestTemplate && inputs.TemplateBucket === undefined) {
    throw new InfraError(
      'INPUTS_INVALID',
      `the template has ${size} bytes, and CloudFormation takes ${largestTemplate} directly; give TemplateBucket, an S3 bucket of ${inputs.aws_region} that it may go to, or fewer secrets in Auth`,
    );
  }
  const security = checkSecurity(synthesized.app, synthesized.template, model);
  return { model, resolved, synthesized, security, notes: identity.notes };
}

/**
 * The number of tasks stands in the template of a new service. It stays there while nothing else changes, and goes with
 * the next change: CloudFormation then leaves the number to autoscaling.
 */
function withTaskCount<T extends { readonly synthesized: Synthesized }>(
  deployed: Readonly<Record<string, unknown>> | undefined,
  make: (options: ModelOptions) => T,
): T {
  const [service] = new Template(deployed).ofType('AWS::ECS::Service');
  if (service === undefined) {
    return make({});
  }
  const count = service.properties['DesiredCount'];
  if (typeof count === 'number') {
    const same = make({ desiredTasks: count });
    const resources = (template: unknown): string => stableJson(record(template)['Resources']);
    if (resources(same.synthesized.template) === resources(deployed)) {
      return same;
    }
  }
  return make({ desiredTasks: 'keep' });
}
