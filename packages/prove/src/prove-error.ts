/** What the user gave, or what the database allows, cannot be used. Shown without a stack trace. */
export class ProveError extends Error {
  override readonly name = 'ProveError';
}
