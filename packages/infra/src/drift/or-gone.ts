import { failureKind } from '../aws/failure.ts';
import type { Live } from './drift.ts';

/** What is missing is gone; what cannot be read is an error. */
export async function orGone(read: () => Promise<Live>): Promise<Live> {
  try {
    return await read();
  } catch (error) {
    if (failureKind(error) === 'missing') {
      return undefined;
    }
    throw error;
  }
}
