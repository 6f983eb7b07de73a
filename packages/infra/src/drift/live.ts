import type { Clients } from '../aws/clients.ts';
import type { TemplateResource } from '../resolve/template.ts';

/** What AWS says a resource is like now, in the template’s terms; undefined when it is gone. */
export type Live = Readonly<Record<string, unknown>> | undefined;

/** What a reader is asked about. */
export interface Question {
  readonly clients: Clients;
  /** As it was applied, with references to the stack's own resources as the ids that they stand for. */
  readonly resource: TemplateResource;
  /** What AWS calls it: a name, an id or an ARN, as the type has it. */
  readonly id: string;
  /** Every resource of the stack: rules of a group stand beside it. */
  readonly all: readonly TemplateResource[];
}

/**
 * Reads one resource as it is now. Only the properties that it gives are compared; a NotFound that it throws means gone.
 */
export type LiveReader = (question: Question) => Promise<Live>;

/** A property whose applied value is not simply what the template says. */
export class Compared {
  readonly applied: unknown;
  readonly live: unknown;

  constructor(applied: unknown, live: unknown) {
    this.applied = applied;
    this.live = live;
  }
}

/** Key and value pairs whose keys the template sets too; AWS has many more attributes, at their defaults. */
export function setInTemplate<T extends { readonly Key?: string | undefined }>(
  template: unknown,
  live: readonly T[] = [],
): T[] {
  const keys = new Set(
    Array.isArray(template) ? template.map((entry: { readonly Key?: unknown }) => entry.Key) : [],
  );
  return live.filter(({ Key }) => keys.has(Key));
}
