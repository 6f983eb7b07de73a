import type { Clients } from '../aws/clients.ts';
import type { TemplateResource } from '../resolve/template.ts';

/** The current state of a resource according to AWS, as in a template; undefined if it is missing. */
export type Live = Readonly<Record<string, unknown>> | undefined;

/** The resource that a reader reads. */
export interface Question {
  readonly clients: Clients;
  /** As it was applied, with references to the stack's own resources replaced by their ids. */
  readonly resource: TemplateResource;
  /** Its physical id: a name, an id or an ARN, depending on the type. */
  readonly id: string;
  /** Every resource of the stack: rules of a group can be separate resources. */
  readonly all: readonly TemplateResource[];
}

/**
 * Reads the current state of one resource. Only the returned properties are compared; a thrown NotFound means that it
 * is missing.
 */
export type LiveReader = (question: Question) => Promise<Live>;

/** A property whose applied value is not exactly that of the template. */
export class Compared {
  readonly applied: unknown;
  readonly live: unknown;

  constructor(applied: unknown, live: unknown) {
    this.applied = applied;
    this.live = live;
  }
}

/** The key and value pairs whose keys the template sets; AWS returns many more attributes, at their defaults. */
export function setInTemplate<T extends { readonly Key?: string | undefined }>(
  template: unknown,
  live: readonly T[] = [],
): T[] {
  const keys = new Set(
    Array.isArray(template) ? template.map((entry: { readonly Key?: unknown }) => entry.Key) : [],
  );
  return live.filter(({ Key }) => keys.has(Key));
}
