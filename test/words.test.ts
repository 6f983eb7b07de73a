import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';

/** Words that docs/glossary.md replaces, with their inflections. */
const retired =
  /^(?:loans?|lend(?:s|ing|er)?|lent|holders?|owed?|owes|told|untold|tells?|telling|anew|fates?|poison(?:s|ed)?|swallow(?:s|ed)?|abandon(?:s|ed)?|audits?|carried|evidence|doubts?|doubted|doubtful|stor(?:y|ies)|epochs?|labs?|mend(?:s|ed)?|park(?:s|ed)?|unpark(?:s|ed)?)$/;

/** Retired only in the proxy; elsewhere they have other meanings: the trace of a load, the members of a cluster. */
const retiredInTheProxy =
  /^(?:traces?|traced|shapes?|sites?|members?|places?|rooms?|looks?|looked|looking|resting|ask(?:s|ed|ing)?|hears?|heard|goodbyes?|farewells?|errands?|shaken|wary|hurried|hopeless|usual)$/;

/** Retired in tests and tools, whose helpers describe what a client gets. */
const retiredInTests =
  /^(?:stor(?:y|ies)|told|tells?|telling|heard|hears?|said|says|lends?|lent|owe[ds]?|fates?)$/;

/** Names from other projects, and fields of reports that older versions have written. */
const given: ReadonlySet<string> = new Set([
  // A field of the reports of `sluice prove`, which can be compared with older ones.
  'isLab',
  // Looks a user up.
  'lookUp',
  // From PostgreSQL.
  'labelfile',
]);

const root = path.resolve(import.meta.dirname, '..');

function filesIn(folder: string, end: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(end))
    .map((file) => path.posix.join(folder, file.replaceAll(path.sep, '/')));
}

/** The code of a module without comments and strings. */
function codeOf(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/(?<![:'"`\\])\/\/.*$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`]*`/g, "''");
}

/** `isUnmendedPart` is four words. */
function wordsOf(identifier: string): string[] {
  return identifier
    .split(/_|(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .map((word) => word.toLowerCase());
}

function retiredIn(file: string): string[] {
  const isProxy = file.startsWith('packages/proxy/');
  return [...new Set(codeOf(file).match(/[A-Za-z_$][\w$]*/g))].filter(
    (identifier) =>
      !given.has(identifier) &&
      wordsOf(identifier).some(
        (word) => retired.test(word) || (isProxy && retiredInTheProxy.test(word)),
      ),
  );
}

/** The pages for users. */
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...filesIn('docs', '.md').filter(
    // Decisions describe the time when they were made; the glossary contains the words that it replaces.
    (page) => !page.startsWith('docs/decisions/') && page !== 'docs/glossary.md',
  ),
  ...filesIn('packages', '.md').filter((page) => !page.includes('node_modules')),
];
const retiredInTexts =
  /\b(?:loans?|on loan|lend(?:s|ing)?|lent|owed (?:reply|replies|to)|poison(?:s|ed)?|mend(?:s|ed)?|own names|epoch|the lab|database connections? (?:on|that a session))\b/i;

/** Turns that a translation leaves, and for which plain technical English has other words. */
const translated = new RegExp(
  String.raw`\b(?:${[
    'anew|untold|(?:is|are|was|were|been|be) told|told (?:by|of|that)|tells (?:the|its|nothing)|tells? of',
    'any ?more(?= ?[.,:;*])|meanwhile|can be used on(?! a\\b)|whoever|for ever|half-way|(?:be|is|was) had',
    'the next who|who (?:asks|comes|waits)|of (?:user|users) whom|nobody who|is let in|lies? in wait|by turns',
    'asked of|(?:hears?|speaks?|becomes?|became|said) of|of its own accord|in earnest|of no interest|as it comes',
    'is no (?:setting|method|option|path)|not needed any more|parted by|without a word|sees to it|is taken for',
    '(?:gives?|takes?|taken) back|(?:is|are) owed|(?:was|is) lent|bears?|lets? (?:no|every|any|some)body in|go(?:es)? on',
    'one behind the other|(?:is|are) there already|in the place of|(?:is|are|was|were) looked (?:at|for|into)',
    'the own (?:side|backend|code)|differs? in nothing|without end|(?:what|whatever) becomes of|caller may not',
    '(?:is|are) of (?:one|another|an earlier) run|beside (?:the inputs|inputs|checks|its name|a pool)|goes elsewhere',
  ].join('|')})\b`,
  'i',
);

const packages = ['wire', 'proxy', 'testkit', 'postgres', 'prove', 'cli', 'sluice', 'infra'];

/** Tests, benchmarks and scripts. */
const testFiles = [...packages.map((name) => `packages/${name}/test`), 'test', 'bench', 'scripts']
  .filter((folder) => existsSync(path.join(root, folder)))
  .flatMap((folder) => filesIn(folder, '.ts'))
  .filter((file) => file !== 'test/words.test.ts');

/** A line with a comment or the title of a test. */
const commentOrTitle = /^\s*(?:\/\/|\/?\*)|\b(?:test|suite)\(/;

suite('the words of docs/glossary.md', () => {
  test('the retired ones are in no name of a file', () => {
    const found = filesIn('packages', '.ts').filter(
      (file) =>
        /^packages\/\w+\/src\//.test(file) &&
        path
          .basename(file, '.ts')
          .split(/[-.]/)
          .some((word) => retired.test(word)),
    );
    assert.deepEqual(found, []);
  });

  for (const name of packages)
    test(`the retired ones are in no identifier of packages/${name}`, () => {
      const found = filesIn(`packages/${name}/src`, '.ts').flatMap((file) =>
        retiredIn(file).map((identifier) => `${file}: ${identifier}`),
      );
      assert.deepEqual(found, []);
    });

  test('the retired ones are in no identifier of tests and tools', () => {
    const found = testFiles.flatMap((file) =>
      [...new Set(codeOf(file).match(/[A-Za-z_$][\w$]*/g))]
        .filter((identifier) => wordsOf(identifier).some((word) => retiredInTests.test(word)))
        .map((identifier) => `${file}: ${identifier}`),
    );
    assert.deepEqual(found, []);
  });

  test('no page, no text for users, no comment and no title of a test has a translated turn', () => {
    const sources = packages.flatMap((name) => filesIn(`packages/${name}/src`, '.ts'));
    const found = [...pages, ...sources, ...testFiles].flatMap((file) =>
      readFileSync(path.join(root, file), 'utf8')
        .split('\n')
        .filter((line) => translated.test(line))
        .filter((line) => !testFiles.includes(file) || commentOrTitle.test(line))
        .map((line) => `${file}: ${line.trim().slice(0, 160)}`),
    );
    assert.deepEqual(found, []);
  });

  test('the retired ones are in no page, and in no text of errors, settings, metrics and log lines', () => {
    const texts = [
      ...pages,
      'packages/proxy/src/errors.ts',
      ...filesIn('packages/proxy/src/settings/table', '.ts'),
      'packages/proxy/src/pinning/pin-reason.ts',
      'packages/proxy/src/settings/check.ts',
      'packages/proxy/src/settings/rules.ts',
      'packages/proxy/src/settings/warnings.ts',
      'packages/proxy/src/admin/metrics.ts',
      'packages/proxy/src/admin/target-metrics.ts',
      'packages/proxy/src/telemetry/logger.ts',
    ];
    const found = texts.flatMap((file) =>
      readFileSync(path.join(root, file), 'utf8')
        .split('\n')
        .filter((line) => retiredInTexts.test(line))
        .map((line) => `${file}: ${line.trim().slice(0, 160)}`),
    );
    assert.deepEqual(found, []);
  });
});

test('comments wrap at 120 columns', () => {
  const folders = ['packages', 'test', 'bench', 'scripts'];
  const found = folders
    .flatMap((folder) => filesIn(folder, '.ts'))
    .filter((file) => !file.includes('node_modules') && !file.includes('/dist/'))
    .flatMap((file) =>
      readFileSync(path.join(root, file), 'utf8')
        .split('\n')
        .filter((line) => line.length > 120 && /^\s*(?:\/\/|\/?\*)/.test(line))
        // A directive of the linter is one line.
        .filter((line) => !line.includes('oxlint-disable'))
        .map((line) => `${file}: ${line.trim().slice(0, 80)}`),
    );
  assert.deepEqual(found, []);
});
