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

/** A template, with the model that it came from and the findings of the rules. */
export interface Design {
  readonly model: Model;
  readonly resolved: Resolved;
  readonly synthesized: Synthesized;
  readonly security: SecurityReport;
  readonly notes: readonly string[];
}

/** The largest template that CloudFormation accepts without a bucket, in bytes. */
const largestTemplate = 51_200;

/**
 * Turns inputs and ids into a template with its security report. Has no side effects, except that CDK writes the
 * assembly into a folder.
 * @param adopt whether to adopt an existing proxy; one that was adopted before stays adopted
 * @throws InfraError INPUTS_INVALID if the template is too large to be sent and no bucket is named
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
      // A value that a construct refuses came from the inputs; without AWS no check has looked at them before.
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
      `the template has ${size} bytes, and CloudFormation accepts ${largestTemplate} directly; set TemplateBucket to an S3 bucket in ${inputs.aws_region}, or use fewer secrets in Auth`,
    );
  }
  const security = checkSecurity(synthesized.app, synthesized.template, model);
  return { model, resolved, synthesized, security, notes: identity.notes };
}

/**
 * The template of a new service contains the number of tasks. It keeps the number while nothing else changes, and the
 * next change removes it: CloudFormation then leaves the number to autoscaling.
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
