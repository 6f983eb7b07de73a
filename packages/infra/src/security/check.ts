import type { IPolicyValidationPlugin } from 'aws-cdk-lib';
import type { App } from 'aws-cdk-lib';
import { AwsSolutionsChecks, NIST80053R5Checks } from 'cdk-nag';
import type { Model } from '../model/model.ts';
import { Template } from '../resolve/template.ts';
import { projectAcknowledgements } from './acknowledged.ts';
import type { SecurityFinding, SecurityReport } from './report.ts';
import { rules } from './rules.ts';

/** A finding before acknowledgements are applied. */
type Found = Omit<SecurityFinding, 'status' | 'reason' | 'by'>;

/** Runs cdk-nag's AwsSolutions and NIST 800-53 packs and our own rules over the synthesized stack. */
export function checkSecurity(
  app: App,
  template: Readonly<Record<string, unknown>>,
  model: Model,
): SecurityReport {
  const packs = [new AwsSolutionsChecks(), new NIST80053R5Checks()];
  const found = [
    ...ownFindings(new Template(template), model),
    ...packs.flatMap((pack) => packFindings(pack, app)),
  ];
  const given = model.inputs.Acknowledge;
  return {
    findings: found.map((finding) => judge(finding, given)),
    packs: ['Sluice', ...packs.map((pack) => pack.readPackName)],
    unused: Object.keys(given).filter((id) => !found.some((finding) => matches(id, finding.rule))),
  };
}

function ownFindings(template: Template, model: Model): Found[] {
  return rules.flatMap((rule) =>
    rule.run(template, model).map((violation) => ({
      rule: rule.id,
      pack: 'Sluice',
      resource: violation.resource,
      detail: `${rule.title}: ${violation.detail}`,
      fix: rule.fix,
    })),
  );
}

/**
 * cdk-nag's packs are plug-ins of CDK's validation. We call them directly, so that their findings are data and
 * acknowledgements come only from the inputs.
 */
function packFindings(pack: AwsSolutionsChecks | NIST80053R5Checks, app: App): Found[] {
  const report: ReturnType<IPolicyValidationPlugin['validate']> = pack.validateScope(app);
  return report.violations.flatMap((violation) =>
    violation.violatingResources.map((resource) => ({
      rule: violation.ruleName,
      pack: pack.readPackName,
      resource: resource.constructPath ?? resource.resourceLogicalId ?? 'unknown',
      detail: violation.description,
    })),
  );
}

function judge(finding: Found, given: Readonly<Record<string, string>>): SecurityFinding {
  const mine = Object.entries(given).find(([id]) => matches(id, finding.rule));
  if (mine !== undefined) {
    return { ...finding, status: 'acknowledged', reason: mine[1], by: 'inputs' };
  }
  const project = projectAcknowledgements.find(
    ({ rule, resource }) =>
      matches(rule, finding.rule) && (resource === undefined || resource === finding.resource),
  );
  return project === undefined
    ? { ...finding, status: 'violation' }
    : { ...finding, status: 'acknowledged', reason: project.reason, by: 'project' };
}

/** `AwsSolutions-IAM5` also covers its parts, such as `AwsSolutions-IAM5[Resource::*]`. */
function matches(id: string, rule: string): boolean {
  return rule === id || rule.startsWith(`${id}[`);
}
