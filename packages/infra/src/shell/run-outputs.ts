import { withDeployed } from '../actions/deployed.ts';
import { readOutputs } from '../synth/outputs.ts';
import { outputsText } from '../text/outputs-text.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

/** `sluice aws outputs`: the endpoint and the other outputs of what is deployed. */
export async function runOutputs(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return guarded(line, async () => {
    const outputs = await withDeployed(requestOf(line), ({ stack }) =>
      Promise.resolve(readOutputs(stack.outputs)),
    );
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, ...outputs });
    } else {
      line.stdout.write(outputsText(outputs));
    }
    return 0;
  });
}
