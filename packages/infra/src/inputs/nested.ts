import { shapes } from './shapes.ts';
import type { InputSpec } from './spec.ts';

/** One entry of `Auth`: an additional database user. */
export const secretFields = {
  SecretName: {
    type: 'string',
    required: true,
    doc: 'The name (or complete ARN) of the secret with this user’s name and password.',
  },
  Description: { type: 'string', max: 1000, doc: 'What this user is for.' },
  IAMAuth: {
    type: 'string',
    choices: ['DISABLED', 'REQUIRED'],
    doc: 'As the input IAMAuth, for this user; that input’s value when not given.',
  },
  ClientPasswordAuthType: {
    type: 'string',
    choices: ['POSTGRES_SCRAM_SHA_256', 'POSTGRES_MD5'],
    doc: 'As the input ClientPasswordAuthType, for this user; that input’s value when not given.',
  },
} as const satisfies Record<string, InputSpec>;

/** One entry of `DBProxyEndpoints`: an additional endpoint of the managed proxy. */
export const endpointFields = {
  DBProxyEndpointName: {
    type: 'string',
    required: true,
    pattern: {
      expression: /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/,
      shape: 'letters, digits and single hyphens, a letter first',
    },
    max: 63,
    doc: 'The name of the endpoint, unique in account and region.',
  },
  TargetRole: {
    type: 'string',
    default: 'READ_WRITE',
    choices: ['READ_WRITE', 'READ_ONLY'],
    doc: 'READ_ONLY goes to the readers of a cluster; an instance has none.',
  },
  VpcSubnetIds: {
    type: 'strings',
    pattern: shapes.subnet,
    default: [],
    doc: 'Subnets of the endpoint; those of the proxy when empty.',
  },
  VpcSecurityGroupIds: {
    type: 'strings',
    pattern: shapes.securityGroup,
    default: [],
    doc: 'Security groups of the endpoint; that of the proxy when empty.',
  },
  EndpointNetworkType: {
    type: 'string',
    choices: ['IPV4', 'IPV6', 'DUAL'],
    doc: 'The IP version that clients use; as the proxy when not given.',
  },
  Tags: {
    type: 'map',
    default: {},
    doc: 'More tags of this endpoint, in addition to rds_proxy_tags.',
  },
} as const satisfies Record<string, InputSpec>;
