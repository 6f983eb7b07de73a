import { randomBytes, randomUUID } from 'node:crypto';
import type { ParameterFile } from './schema.ts';

/** Generates the next value of a parameter. */
export type MakeValue = () => unknown;

/** The generator of the values of a parameter in a workload file. */
export function valueMaker(parameter: ParameterFile): MakeValue {
  if (typeof parameter !== 'object' || parameter === null) return () => parameter;
  switch (parameter.generate) {
    case 'integer': {
      const { min, max } = parameter;
      const size = max - min + 1;
      return parameter.distribution === 'zipf'
        ? () => min + zipf(size)
        : () => min + Math.floor(Math.random() * size);
    }
    case 'number': {
      const { min, max } = parameter;
      return () => (min + Math.random() * (max - min)).toFixed(2);
    }
    case 'text': {
      const { length } = parameter;
      return () =>
        randomBytes(Math.ceil(length / 2))
          .toString('hex')
          .slice(0, length);
    }
    case 'uuid':
      return randomUUID;
    case 'sequence': {
      let next = parameter.start ?? 1;
      return () => next++;
    }
    case 'timestamp': {
      const span = parameter.withinDays * 86_400_000;
      return () => new Date(Date.now() - Math.random() * span);
    }
    case 'choice':
      break;
  }
  const { values } = parameter;
  return () => values[Math.floor(Math.random() * values.length)];
}

/** A number from 0 to `size` - 1 that follows Zipf's law with exponent 1, by inverting the continuous distribution. */
function zipf(size: number): number {
  return Math.min(size - 1, Math.floor((size + 1) ** Math.random()) - 1);
}
