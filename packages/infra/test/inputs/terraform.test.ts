import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseHcl } from '../../src/inputs/hcl.ts';
import { evaluated, withoutTerraform } from '../terraform.ts';

/** Values as they may appear in a tfvars file, with their evaluation. */
const values: readonly (readonly [written: string, value: unknown])[] = [
  ['"plain"', 'plain'],
  ['"$${Name} %%{x}"', '${Name} %{x}'],
  [String.raw`"a\tb\n\"c\" \\ \u00e9 \U0001f600"`, 'a\tb\n"c" \\ é 😀'],
  ['"%{ if true }yes%{ endif }"', 'yes'],
  ['"%{ if 1 == 2 }yes%{ else }no%{ endif }"', 'no'],
  ['"a${1 + 1}b"', 'a2b'],
  ['"${"x"}"', 'x'],
  ['"${true}"', true],
  ['12', 12],
  ['1.50', 1.5],
  ['-1', -1],
  ['1e3', 1000],
  ['30 * 60', 1800],
  ['(1 + 2) * 3 - 10 / 4', 6.5],
  ['7 % 4', 3],
  ['true ? 1 : 2', 1],
  ['!true', false],
  ['1 < 2 && 2 >= 2', true],
  ['"a" == "b" || 1 != 1', false],
  ['null', null],
  ['[1, "two", null, false]', [1, 'two', null, false]],
  ['{ a = 1, "b-c" = "x", (1 + 1) = true }', { a: 1, 'b-c': 'x', '2': true }],
  ['{ nested = { list = [{ deep = "$${x}" }] } }', { nested: { list: [{ deep: '${x}' }] } }],
  ['<<EOT\nhi ${1} $${x} \\n\nEOT', 'hi 1 ${x} \\n\n'],
  ['<<-EOT\n    two\n      more\n    EOT', 'two\n  more\n'],
  ['"ünï 日本"', 'ünï 日本'],
  ['[for x in ["a", "b"] : "${x}-1"]', ['a-1', 'b-1']],
  ['[for i, x in ["a", "b"] : i if x != "a"]', [1]],
  ['[for k, v in { b = 2, a = 1 } : "${k}=${v}"]', ['a=1', 'b=2']],
  ['{ for x in ["a", "b"] : x => "${x}!" }', { a: 'a!', b: 'b!' }],
  ['{ for i, x in ["a", "b", "a"] : x => i... }', { a: [0, 2], b: [1] }],
  [
    '[for x in [1, 2] : [for y in [10, 20] : x * y]]',
    [
      [10, 20],
      [20, 40],
    ],
  ],
  ['[for o in [{ name = "a", tags = ["x", "y"] }] : o.tags[1]]', ['y']],
  ['[for k in ["a"] : { a = 1 }[k]]', [1]],
  ['["a", "b"][1 - 1]', 'a'],
  ['{ a = { b = [7] } }["a"].b[0]', 7],
  ['[{ a = [1, 2] }, { a = [3] }][*].a[0]', [1, 3]],
  ['[{ a = 1 }].*.a', [1]],
  ['[for x in [1] : x][*]', [1]],
  ['"%{ for x in ["a", "b"] }${x},%{ endfor }"', 'a,b,'],
  ['"a ${~ 1 ~} b%{ if true ~}  y  %{~ endif } z"', 'a1by z'],
  ['<<EOT\n%{ for x in ["a", "b"] ~}\nitem ${x}\n%{ endfor ~}\nEOT', 'item a\nitem b\n'],
  ['"5" + "2"', 7],
  ['-"5"', -5],
  ['"true" && !"false"', true],
  ['1 == "1"', false],
  ['[1, { a = 2 }] == [1, { a = 2 }]', true],
  ['true ? 1 : "a"', '1'],
  ['-7 % 4', -3],
  ['"${1e21} ${1.50} ${true}"', '1000000000000000000000 1.5 true'],
  ['"n${12345678901234567890 + 1}"', 'n12345678901234567891'],
];

/** Values that Terraform refuses, and our message. */
const refused: readonly (readonly [written: string, detail: RegExp])[] = [
  ['upper("x")', /function call/],
  ['var.x', /variable/],
  ['"a" + 1', /expected a number, found "a"/],
  ['1 && true', /expected true or false, found 1/],
  ['null + 1', /expected a number, found null/],
  ['1 / 0', /division by zero/],
  ['[1][1]', /no element 1 in a list of 1/],
  ['{ a = 1 }.b', /no key "b"/],
  ['"a".b', /"a" has no b/],
  ['"x${[1]}"', /a list cannot be part of a string/],
  ['"x${null}"', /null cannot be part of a string/],
  ['[for x in "ab" : x]', /needs a list or a map, found "ab"/],
  ['{ for x in ["a", "a"] : x => 1 }', /two elements .* have the key "a"/],
];

suite('values of tfvars', () => {
  for (const [written, detail] of refused) {
    test(`${written} is refused`, async () => {
      await assert.rejects(parseHcl(`value = ${written}\n`, 'test'), detail);
    });
  }

  for (const [written, value] of values) {
    test(`${JSON.stringify(written)} is ${JSON.stringify(value)}`, async () => {
      const parsed = await parseHcl(`# first\nvalue = ${written}\n`, 'test');
      assert.deepEqual(parsed.get('value'), { value, line: 2 });
    });
  }

  test(
    'they are evaluated as by Terraform, and Terraform refuses what is refused here',
    { skip: withoutTerraform },
    async (t) => {
      const written = values.map(([text], index) => `v${index} = ${text}\n`).join('');
      const names = values.map((_, index) => `v${index}`);
      const theirs = await valuesOf(t, names, written);
      const ours = await parseHcl(written, 'test');
      assert.deepEqual(
        Object.fromEntries(names.map((name) => [name, ours.get(name)?.value])),
        theirs,
      );
      for (const [text] of refused) {
        await assert.rejects(valuesOf(t, ['v'], `v = ${text}\n`), Error, text);
      }
    },
  );

  /** The values of variables according to Terraform. */
  async function valuesOf(
    t: Parameters<typeof evaluated>[0],
    names: readonly string[],
    tfvars: string,
  ): Promise<unknown> {
    const declared = names.map((name) => `variable "${name}" {\n  type = any\n}\n`);
    return evaluated(
      t,
      { 'main.tf': declared.join(''), 'terraform.tfvars': tfvars },
      `{ ${names.map((name) => `${name} = var.${name}`).join(', ')} }`,
    );
  }

  test('numbers beyond 2^53 keep their digits', async () => {
    const parsed = await parseHcl('value = 12345678901234567890', 'test');
    assert.equal(String(parsed.get('value')?.value), '12345678901234567890');
  });

  for (const [written, detail] of [
    ['value = upper("x")', /test:1: upper\(\) is a function call/],
    ['\nvalue = var.x', /test:2: var\.x is a variable/],
    ['value = prod', /prod is a variable; .* needs quotes/],
    ['value = [for x in [1] : y]', /y is a variable/],
    ['value = [for x in [1] : x]\nother = x', /test:2: x is a variable/],
    [
      'rds_proxy_tags {\n  Team = "a"\n}',
      /line 1: blocks are not allowed here; did you mean rds_proxy_tags = \{/,
    ],
    ['variable "x" {}', /blocks are not allowed here/],
    ['value = ', /Missing expression|Invalid expression/],
  ] as const) {
    test(`${JSON.stringify(written)} is reported in one sentence with its line`, async () => {
      await assert.rejects(parseHcl(written, 'test'), detail);
    });
  }
});
