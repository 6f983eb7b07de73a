import { destroyClients } from '../aws/clients.ts';
import { prepare } from '../actions/prepare.ts';
import { deploymentOf } from '../apply/apply.ts';
import { savePlan } from '../apply/saved-plan.ts';
import { makePlan, type Plan } from '../plan/plan.ts';
import { planText } from '../text/plan-text.ts';
import { styler } from '../text/style.ts';
import { failureSection, planSection } from '../text/plan-markdown.ts';
import { findingText, withPlaces, writeSarif } from './write-sarif.ts';
import { writeMarkdown } from './write-markdown.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

/**
 * `sluice aws plan`: what would change, what would fail, and the monthly cost.
 * @returns 0; 1 if something forbids the apply; with --detailed-exitcode 2 if there are changes
 */
export async function runPlan(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  const work = async (): Promise<number> => {
    const prepared = await prepare(requestOf(line), {
      deep: flag(line, 'deep'),
      replace: flag(line, 'replace'),
    });
    try {
      const plan = await makePlan(prepared);
      await writeSarif(line, plan);
      await writeMarkdown(line, planSection(plan));
      if (flag(line, 'json')) {
        writeJson(line, planDocument(plan));
      } else {
        line.stdout.write(planText(plan, styler(line.stdout)));
      }
      if (plan.verdict === 'blocked') {
        return 1;
      }
      const { save } = line.options;
      if (typeof save === 'string' && plan.verdict === 'none') {
        line.stderr.write(`nothing was saved: there are no changes\n`);
      } else if (typeof save === 'string') {
        const saved = await savePlan(save, deploymentOf(prepared), prepared.deployed);
        line.stderr.write(
          `saved as ${saved.changeSet}; apply exactly this plan with: sluice aws apply ${save}\n`,
        );
      }
      return plan.verdict === 'changes' && flag(line, 'detailedExitcode') ? 2 : 0;
    } finally {
      destroyClients(prepared.clients);
    }
  };
  return guarded(line, work, async (problems) =>
    writeMarkdown(line, failureSection(line.proxy, problems)),
  );
}

/** The plan as JSON; each problem has its file and line. */
function planDocument(plan: Plan): object {
  const { checks, security, origins } = plan;
  return {
    ...plan,
    checks: withPlaces(checks, origins, findingText),
    ...(security === undefined
      ? {}
      : {
          security: {
            ...security,
            findings: withPlaces(
              security.findings,
              origins,
              (finding) => `${finding.detail} ${finding.fix ?? ''}`,
            ),
          },
        }),
  };
}
