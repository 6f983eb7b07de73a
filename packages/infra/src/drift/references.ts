import type { DeployedStack } from '../resolve/facts.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { readOutputs, type StackOutputs } from '../synth/outputs.ts';
import { isRecord, list, record } from '../values.ts';

/** The physical ids of resources, by logical id. */
export type PhysicalIds = Readonly<Record<string, string>>;

/** The stack's resources, with references to each other replaced by their ids. */
export function resolvedResources(stack: DeployedStack, physical: PhysicalIds): TemplateResource[] {
  const resolver = new ReferenceResolver(stack, physical);
  return [...new Template(stack.template).resources, ...keptResources(stack)].map((resource) => ({
    ...resource,
    properties: record(resolver.resolve(resource.properties)),
  }));
}

/** A resource that is maintained outside CloudFormation: the target group of an adopted proxy. */
export function keptResources({ template }: Pick<DeployedStack, 'template'>): TemplateResource[] {
  const Resources = record(record(template['Metadata'])['SluiceKept']);
  return [...new Template({ Resources }).resources];
}

/** Replaces a template's references with physical ids. Unknown values stay as they are. */
class ReferenceResolver {
  readonly #physical: PhysicalIds;
  readonly #types: Readonly<Record<string, string>>;
  readonly #pseudo: Readonly<Record<string, string>>;
  /** Values that AWS chose when it created the stack: endpoints and the ARN of the proxy. */
  readonly #outputs: StackOutputs;

  constructor(stack: DeployedStack, physical: PhysicalIds) {
    this.#physical = physical;
    this.#outputs = readOutputs(stack.outputs);
    this.#types = Object.fromEntries(
      new Template(stack.template).resources.map(({ id, type }) => [id, type]),
    );
    // arn:PARTITION:cloudformation:REGION:ACCOUNT:stack/…
    const [, partition = 'aws', , region = '', account = ''] = stack.id.split(':');
    this.#pseudo = {
      'AWS::Partition': partition,
      'AWS::Region': region,
      'AWS::AccountId': account,
      'AWS::StackName': stack.name,
    };
  }

  resolve(value: unknown): unknown {
    if (Array.isArray(value)) {
      return value.map((entry) => this.resolve(entry));
    }
    if (!isRecord(value)) {
      return value;
    }
    const { Ref: reference } = value;
    const [id, name] = list(value['Fn::GetAtt']);
    if (typeof reference === 'string') {
      return this.#pseudo[reference] ?? this.#physical[reference] ?? reference;
    }
    if (typeof id === 'string' && typeof name === 'string') {
      return this.#attribute(id, name) ?? value;
    }
    if ('Fn::Join' in value) {
      return this.#joined(value);
    }
    if ('Fn::Select' in value) {
      const [index, from] = list(value['Fn::Select']);
      const chosen: unknown = list(this.resolve(from))[Number(index)];
      return chosen ?? value;
    }
    if ('Fn::Split' in value) {
      const [separator, text] = list(value['Fn::Split']).map((part) => this.resolve(part));
      return typeof text === 'string' ? text.split(String(separator)) : value;
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, this.resolve(entry)]),
    );
  }

  /** Joined text, if each of its parts is known. */
  #joined(value: Readonly<Record<string, unknown>>): unknown {
    const [separator, parts] = list(value['Fn::Join']);
    const resolved = list(parts).map((part) => this.resolve(part));
    return resolved.every((part) => typeof part === 'string')
      ? resolved.join(String(separator))
      : value;
  }

  /**
   * For most resources, their physical id has the value of the attribute; here it is the name, or an ARN that contains
   * it.
   */
  #attribute(id: string, name: string): string | undefined {
    const own = this.#physical[id];
    if (own === undefined) {
      return undefined;
    }
    const {
      'AWS::Partition': partition,
      'AWS::Region': region,
      'AWS::AccountId': account,
    } = this.#pseudo;
    switch (`${this.#types[id]} ${name}`) {
      case 'AWS::Logs::LogGroup Arn':
        return `arn:${partition}:logs:${region}:${account}:log-group:${own}:*`;
      case 'AWS::IAM::Role Arn':
        return `arn:${partition}:iam::${account}:role/${own}`;
      case 'AWS::ElasticLoadBalancingV2::LoadBalancer LoadBalancerFullName':
        return own.split(':loadbalancer/')[1];
      case 'AWS::ElasticLoadBalancingV2::TargetGroup TargetGroupFullName':
        return own.slice(own.lastIndexOf(':') + 1);
      case 'AWS::ECS::Service Name':
        return own.slice(own.lastIndexOf('/') + 1);
      case 'AWS::RDS::DBProxy DBProxyArn':
        return known(this.#outputs.rds_proxy_arn);
      case 'AWS::RDS::DBProxy Endpoint':
      case 'AWS::ElasticLoadBalancingV2::LoadBalancer DNSName':
        return known(
          this.#outputs.rds_proxy_endpoints['default'] ?? this.#outputs.rds_proxy_endpoint,
        );
      case 'AWS::RDS::DBProxyEndpoint Endpoint':
        return known(this.#outputs.rds_proxy_endpoints[own]);
      case 'AWS::EC2::VPCEndpointService ServiceName':
      case 'AWS::ElasticLoadBalancingV2::LoadBalancer CanonicalHostedZoneID':
        // Only AWS knows this attribute; the id has another value.
        return undefined;
      default:
        return own;
    }
  }
}

function known(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
