import type { Model } from '../model/model.ts';
import type { Template } from '../resolve/template.ts';

/** Something a rule does not allow. */
export interface Violation {
  /** The logical id of the resource. */
  readonly resource: string;
  /** What is there, with the value. */
  readonly detail: string;
}

/** One rule of our own, for what no public scanner looks at. */
export interface Rule {
  readonly id: string;
  readonly title: string;
  /** What could happen. */
  readonly why: string;
  readonly fix: string;
  readonly run: (template: Template, model: Model) => readonly Violation[];
}
