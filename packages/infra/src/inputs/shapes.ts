import type { InputSpec } from './spec.ts';

type Pattern = NonNullable<InputSpec['pattern']>;

/** The formats of AWS ids that several inputs use. */
export const shapes = {
  securityGroup: {
    expression: /^sg-[0-9a-f]{8,17}$/,
    shape: 'sg- and 8 to 17 hexadecimal digits',
  },
  subnet: {
    expression: /^subnet-[0-9a-f]{8,17}$/,
    shape: 'subnet- and 8 to 17 hexadecimal digits',
  },
  elasticIp: {
    expression: /^eipalloc-[0-9a-f]{8,17}$/,
    shape: 'eipalloc- and 8 to 17 hexadecimal digits',
  },
  address: {
    expression: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/,
    shape: 'an IPv4 address such as 10.20.1.10',
  },
  cidr: {
    expression:
      /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\/(?:3[0-2]|[12]?\d)$/,
    shape: 'an IPv4 range such as 10.0.0.0/16',
  },
} as const satisfies Record<string, Pattern>;
