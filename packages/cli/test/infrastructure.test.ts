import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SluiceProcess } from './sluice-process.ts';

suite('sluice aws', () => {
  for (const words of [
    ['-var-file=no.tfvars'],
    ['--var-file', 'no.tfvars'],
    ['--inputs', 'no.tfvars', '-var', 'aws_region=eu-central-1'],
  ]) {
    test(`takes ${words.join(' ')}, as Terraform does`, async (t) => {
      const sluice = new SluiceProcess(t, ['aws', 'plan', ...words]);
      assert.equal(await sluice.exit(), 1);
      assert.match(sluice.stderr.join('\n'), /there is no inputs file no\.tfvars/);
    });
  }

  for (const [words, code, problem] of [
    [['aws', 'plan', '--nonsense'], 'USAGE', /unknown option '--nonsense'/],
    [['aws', 'nonsense'], 'USAGE', /unknown command 'nonsense'/],
    [['aws', 'plan', '--var', 'x'], 'USAGE', /name, an equals sign and a value/],
    [['aws', 'plan', '--inputs', 'no.tfvars'], 'INPUTS_UNREADABLE', /no inputs file/],
    [['aws', 'check', '--plan', 'no.json'], 'INPUTS_UNREADABLE', /cannot read no\.json/],
    [['aws', 'apply', 'no.json'], 'INPUTS_UNREADABLE', /cannot read the saved plan no\.json/],
  ] as const) {
    test(`${words.join(' ')} --json is one JSON document`, async (t) => {
      const sluice = new SluiceProcess(t, [...words, '--json']);
      assert.equal(await sluice.exit(), 1);
      const document = JSON.parse(sluice.stdout.join('\n')) as {
        version: number;
        error: { code: string; problems: string[] };
      };
      assert.equal(document.version, 1);
      assert.equal(document.error.code, code);
      assert.match(document.error.problems.join(), problem);
    });
  }
});
