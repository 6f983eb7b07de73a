import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runCommand } from './run-command.ts';

suite('sluice aws', () => {
  for (const words of [
    ['-var-file=no.tfvars'],
    ['--var-file', 'no.tfvars'],
    ['--inputs', 'no.tfvars', '-var', 'aws_region=eu-central-1'],
  ]) {
    test(`accepts ${words.join(' ')}, as Terraform does`, async () => {
      const { code, stderr } = await runCommand(['aws', 'plan', ...words]);
      assert.equal(code, 1);
      assert.match(stderr, /there is no inputs file no\.tfvars/);
    });
  }

  for (const [words, errorCode, problem] of [
    [['aws', 'plan', '--nonsense'], 'USAGE', /unknown option '--nonsense'/],
    [['aws', 'nonsense'], 'USAGE', /unknown command 'nonsense'/],
    [['aws', 'plan', '--var', 'x'], 'USAGE', /name, an equals sign and a value/],
    [['aws', 'plan', '--inputs', 'no.tfvars'], 'INPUTS_UNREADABLE', /no inputs file/],
    [['aws', 'check', '--plan', 'no.json'], 'INPUTS_UNREADABLE', /cannot read no\.json/],
    [['aws', 'apply', 'no.json'], 'INPUTS_UNREADABLE', /cannot read the saved plan no\.json/],
  ] as const) {
    test(`${words.join(' ')} --json is one JSON document`, async () => {
      const { code, stdout } = await runCommand([...words, '--json']);
      assert.equal(code, 1);
      const document = JSON.parse(stdout) as {
        version: number;
        error: { code: string; problems: string[] };
      };
      assert.equal(document.version, 1);
      assert.equal(document.error.code, errorCode);
      assert.match(document.error.problems.join(), problem);
    });
  }
});
