import type { Option } from './command.ts';
import { UsageError } from './command.ts';

/** The parser of an option with a whole number. */
export function wholeNumber(min: number, max: number): NonNullable<Option['parse']> {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new UsageError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
