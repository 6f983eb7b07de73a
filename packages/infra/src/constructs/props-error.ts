import type { Construct } from 'constructs';

/** Invalid props, with the path of the construct. */
export class PropsError extends Error {
  override readonly name = 'PropsError';
  readonly code: string;

  constructor(code: string, message: string, scope: Construct) {
    super(`${scope.node.path}: ${message}`);
    this.code = code;
  }
}
