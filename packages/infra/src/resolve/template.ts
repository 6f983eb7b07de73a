import { record } from '../values.ts';

/** One resource of a template. */
export interface TemplateResource {
  readonly id: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The address range, security group or prefix list in a rule of a security group. */
export function peerOf(rule: Readonly<Record<string, unknown>>): unknown {
  return (
    rule['CidrIp'] ??
    rule['CidrIpv6'] ??
    rule['SourceSecurityGroupId'] ??
    rule['DestinationSecurityGroupId'] ??
    rule['SourcePrefixListId'] ??
    rule['DestinationPrefixListId']
  );
}

/** Reads a CloudFormation template. */
export class Template {
  readonly resources: readonly TemplateResource[];
  readonly outputs: Readonly<Record<string, unknown>>;

  constructor(template: Readonly<Record<string, unknown>> | undefined) {
    this.resources = Object.entries(record(template?.['Resources'])).map(([id, entry]) => ({
      id,
      type: String(record(entry)['Type']),
      properties: record(record(entry)['Properties']),
    }));
    this.outputs = record(template?.['Outputs']);
  }

  /** All resources of that type. */
  ofType(type: string): TemplateResource[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** The managed proxy's name, if the template has one. */
  proxyName(): string | undefined {
    const name = this.ofType('AWS::RDS::DBProxy')[0]?.properties['DBProxyName'];
    return typeof name === 'string' ? name : undefined;
  }

  /** The engine that the template deploys; undefined for an empty template. */
  engine(): 'rds-proxy' | 'sluice' | undefined {
    if (this.ofType('AWS::RDS::DBProxy').length > 0) {
      return 'rds-proxy';
    }
    return this.ofType('AWS::ECS::Service').length > 0 ? 'sluice' : undefined;
  }
}
