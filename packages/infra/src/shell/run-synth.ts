import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { designOf, type Design } from '../actions/design.ts';
import { prepare } from '../actions/prepare.ts';
import { deploymentOf } from '../apply/apply.ts';
import { destroyClients } from '../aws/clients.ts';
import { readInputs } from '../inputs/read.ts';
import { readResolved } from '../resolve/resolved.ts';
import { sarif } from '../security/sarif.ts';
import { violations } from '../security/report.ts';
import { securityLines } from '../text/plan-text.ts';
import { styler } from '../text/style.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

/**
 * `sluice aws synth`: the template on standard output, the security report on standard error; or both into a folder.
 * @returns 0; 1 if a security rule is violated and not acknowledged
 */
export async function runSynth(line: CommandLine): Promise<number> {
  return eachProxy(one, { single: true })(line);
}

async function one(line: CommandLine): Promise<number> {
  return guarded(line, async () => {
    const design = await designFor(line);
    const { template } = design.synthesized;
    const { out } = line.options;
    if (typeof out === 'string') {
      await writeFolder(out, design);
      line.stdout.write(`wrote template.json, security.txt and security.sarif to ${out}\n`);
    } else if (flag(line, 'json')) {
      writeJson(line, {
        version: 1,
        template,
        security: design.security,
        resolved: design.resolved,
      });
    } else {
      writeJson(line, template);
      const lines = securityLines(design.security, styler(line.stderr));
      line.stderr.write(`${[...lines, ...design.notes].join('\n')}\n`);
    }
    return violations(design.security).length === 0 ? 0 : 1;
  });
}

async function designFor(line: CommandLine): Promise<Design> {
  const request = requestOf(line);
  const file = line.options['resolved'];
  if (typeof file === 'string') {
    const { inputs } = await readInputs(request.sources);
    return designOf(inputs, await readResolved(file), undefined, flag(line, 'replace'));
  }
  const prepared = await prepare(request, { deep: false, replace: flag(line, 'replace') });
  destroyClients(prepared.clients);
  if (prepared.design === undefined) {
    // Throws, and names the check that failed.
    deploymentOf(prepared);
    throw new TypeError('a design is missing although every check has passed');
  }
  return prepared.design;
}

async function writeFolder(folder: string, design: Design): Promise<void> {
  await mkdir(folder, { recursive: true });
  const plain = (_format: unknown, text: string): string => text;
  const files: Readonly<Record<string, string>> = {
    'template.json': `${JSON.stringify(design.synthesized.template, undefined, 2)}\n`,
    'security.txt': `${securityLines(design.security, plain).join('\n')}\n`,
    'security.sarif': `${JSON.stringify(sarif(design.security), undefined, 2)}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
  }
}
