import type { Model } from '../model/model.ts';
import type { Template } from '../resolve/template.ts';

/** Something that a rule forbids. */
export interface Violation {
  /** The logical id of the resource. */
  readonly resource: string;
  /** What was found, with the value. */
  readonly detail: string;
}

/** One rule of our own, for what no public scanner checks. */
export interface Rule {
  readonly id: string;
  readonly title: string;
  /** What could happen. */
  readonly why: string;
  readonly fix: string;
  readonly run: (template: Template, model: Model) => readonly Violation[];
}
