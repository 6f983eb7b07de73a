import { preflightOnly } from '../actions/check.ts';
import { readTerraformPlan } from '../inputs/terraform-plan.ts';
import { checkLines } from '../text/check-text.ts';
import { styler } from '../text/style.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { findingText, withPlaces, writeSarif } from './write-sarif.ts';

/**
 * `sluice aws check`: only the preflight, for stacks that Terraform or CDK creates.
 * @returns 0; 1 if a check failed; with --detailed-exitcode 2 if one warns
 */
export async function runCheck(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return guarded(line, async () => {
    const { plan: file, address } = line.options;
    const planned =
      typeof file === 'string'
        ? await readTerraformPlan(file, typeof address === 'string' ? address : undefined)
        : undefined;
    const request = requestOf(line);
    const { checks, warnings, origins } = await preflightOnly(
      planned === undefined
        ? request
        : {
            ...request,
            sources: { ...request.sources, base: { values: planned.values, where: String(file) } },
          },
      { deep: flag(line, 'deep') },
    );
    const notes = [...(planned?.unknown ?? []), ...warnings];
    await writeSarif(line, { checks, origins });
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, checks: withPlaces(checks, origins, findingText), notes });
    } else {
      const lines = checkLines(checks, styler(line.stdout));
      line.stdout.write(`${[...lines, ...notes.map((note) => `  note: ${note}`)].join('\n')}\n`);
    }
    if (checks.some((check) => check.status === 'failed')) {
      return 1;
    }
    return checks.some((check) => check.status === 'warning') && flag(line, 'detailedExitcode')
      ? 2
      : 0;
  });
}
