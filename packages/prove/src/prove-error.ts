/** The input is invalid, or the database does not allow the run. Shown without a stack trace. */
export class ProveError extends Error {
  override readonly name = 'ProveError';
}
