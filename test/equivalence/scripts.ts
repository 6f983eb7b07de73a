import fc from 'fast-check';
import { avoided } from './known-differences.ts';
import { sessionsPerScript } from './script.ts';
import type { Group, Leaving, Part, Script, Step } from './script.ts';
import { copyIn, preparable, privateStatement, startup, statement } from './statements.ts';

const name = fc.constantFrom('', 'a', 'b');
const portal = fc.constantFrom('', '', 'p');
/** Where the number does not fit the statement, it fails, and does so everywhere. */
const values = fc.constantFrom<(readonly string[])[]>(['03/04/2026'], ['south'], []);

const simple: fc.Arbitrary<Group> = fc.oneof(
  { weight: 6, arbitrary: statement.map((query) => ({ query })) },
  {
    weight: 2,
    arbitrary: fc
      .array(statement, { minLength: 2, maxLength: 4 })
      .map((texts) => ({ query: texts.join('; ') })),
  },
  copyIn.map(({ text, lines }) => ({ query: text, copy: lines })),
);

/**
 * `EXECUTE a` prepared as `a` runs itself, until the stack of PostgreSQL is full. What controls transactions ends the
 * database connection when it is EXECUTEd where it does not fit (see "connections that PostgreSQL ends" in
 * docs/pinning.md): these have a name that no EXECUTE has.
 */
const breaksUnderName =
  /execute|savepoint|release|rollback|abort|commit|\bend\b|begin|start transaction|prepare transaction/i;

/** What drivers send for one statement. */
const wholeStatement: fc.Arbitrary<readonly Part[]> = fc
  .record({
    name,
    portal,
    text: fc.oneof(statement, preparable),
    values,
    describe: fc.constantFrom('S', 'P', null),
    rows: fc.constantFrom(0, 0, 2),
  })
  .map((all) =>
    breaksUnderName.test(all.text) && all.name !== '' ? { ...all, name: 'never' } : all,
  )
  .map(({ name, portal, text, values, describe, rows }) => [
    { parse: name, text },
    ...(describe === 'S' ? [{ describe, name } as const] : []),
    { bind: name, portal, values: text.includes('$1') ? values : [] },
    ...(describe === 'P' ? [{ describe, name: portal } as const] : []),
    { execute: portal, rows },
  ]);

const someParts: fc.Arbitrary<readonly Part[]> = fc.oneof(
  { weight: 5, arbitrary: wholeStatement },
  { weight: 2, arbitrary: fc.record({ parse: name, text: preparable }).map((part) => [part]) },
  {
    weight: 5,
    arbitrary: fc
      .record({ name, portal, values, rows: fc.constantFrom(0, 1) })
      .map(({ name, portal, values, rows }) => [
        { bind: name, portal, values },
        { execute: portal, rows },
      ]),
  },
  fc.record({ describe: fc.constantFrom('S', 'P'), name }).map((part) => [part]),
  {
    weight: 2,
    arbitrary: fc.record({ close: fc.constantFrom('S', 'P'), name }).map((part) => [part]),
  },
  fc.constant([{ flush: true }] as const),
  copyIn.map(({ text, lines }): readonly Part[] => [
    // Run again without data, it would read the next messages as such, a breach of the protocol: nobody else uses its name.
    { parse: 'copy', text },
    { bind: 'copy', portal: '', values: [] },
    { execute: '', rows: 0 },
    { copy: lines },
    { close: 'S', name: 'copy' },
  ]),
);

const group: fc.Arbitrary<Group> = fc.oneof(
  { weight: 3, arbitrary: simple },
  {
    weight: 2,
    arbitrary: fc
      .array(someParts, { minLength: 1, maxLength: 3 })
      .map((parts) => ({ extended: parts.flat() })),
  },
);

const leaving: fc.Arbitrary<Leaving> = fc.oneof(
  fc.constantFrom<Leaving[]>('terminate', 'vanish'),
  privateStatement.map((text) => ({ vanishAfter: text })),
  privateStatement.map((text) => ({ terminateAfter: text })),
);

const session = fc.integer({ min: 1, max: sessionsPerScript });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      session,
      send: fc.oneof(
        { weight: 6, arbitrary: fc.array(group, { minLength: 1, maxLength: 1 }) },
        fc.array(group, { minLength: 2, maxLength: 3 }),
      ),
    }),
  },
  fc.record({ session, connect: startup }),
  fc.record({ session, leave: leaving }),
);

/** Scripts of up to so many steps. */
export function scripts(steps: number): fc.Arbitrary<Script> {
  return fc
    .array(step, { minLength: 2, maxLength: steps, size: 'max' })
    .map((script) => script.map(ownNames))
    .map((script) => avoided.reduce((changed, { avoid }) => avoid(changed), script as Script));
}

/** Puts the number of the session in place of `@`. */
function ownNames(step: Step): Step {
  return JSON.parse(JSON.stringify(step).replaceAll('@', String(step.session))) as Step;
}
