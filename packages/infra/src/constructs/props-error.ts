import type { Construct } from 'constructs';

/** Props that cannot work, with the path of the construct that was given them. */
export class PropsError extends Error {
  override readonly name = 'PropsError';
  readonly code: string;

  constructor(code: string, message: string, scope: Construct) {
    super(`${scope.node.path}: ${message}`);
    this.code = code;
  }
}
