import type { Inputs } from '../inputs/table.ts';
import { settleIdentity } from '../model/identity.ts';
import { makeModel, type Model } from '../model/model.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { checkSecurity } from '../security/check.ts';
import type { SecurityReport } from '../security/report.ts';
import { synthesize, type Synthesized } from '../synth/synth.ts';

/** A template, with what it came from and what the rules say of it. */
export interface Design {
  readonly model: Model;
  readonly resolved: Resolved;
  readonly synthesized: Synthesized;
  readonly security: SecurityReport;
  readonly notes: readonly string[];
}

/** From inputs and ids to a template with its security report. Pure but for the assembly that CDK writes to a folder. */
export function designOf(
  inputs: Inputs,
  resolved: Resolved,
  deployed: Readonly<Record<string, unknown>> | undefined,
  replace: boolean,
): Design {
  const identity = settleIdentity(inputs, resolved, deployed, replace);
  const model = makeModel(inputs, resolved, identity);
  const synthesized = synthesize(model);
  const security = checkSecurity(synthesized.app, synthesized.template, model);
  return { model, resolved, synthesized, security, notes: identity.notes };
}
