import fc from 'fast-check';
import { avoided } from './known-differences.ts';
import { sessionsPerScript } from './script.ts';
import type { Bytes, Group, Leaving, Part, Script, Step } from './script.ts';
import { copyIn, privateStatement } from './statements.ts';
import { themes } from './themes.ts';
import type { Theme, ThemeName } from './themes.ts';

const portal = fc.constantFrom('', '', 'p');
/** If the number does not suit the statement, it fails, on both sides. */
const values = fc.constantFrom<(readonly string[])[]>(['03/04/2026'], ['south'], ['é'], ['3'], []);

/**
 * `EXECUTE a` prepared as `a` runs itself until PostgreSQL's stack is full. Transaction control ends the server
 * connection if it is EXECUTEd in the wrong place (see "connections that PostgreSQL ends" in docs/pinning.md): these
 * have a name that no EXECUTE has.
 */
const breaksUnderName =
  /execute|savepoint|release|rollback|abort|commit|\bend\b|begin|start transaction|prepare transaction/i;

/** The messages of the extended protocol for the scripts of a theme. */
function partsOf({
  statements,
  preparable = statements,
  names = [],
}: Theme): fc.Arbitrary<readonly Part[]> {
  const name = fc.constantFrom('', 'a', 'b', ...names);
  /** What drivers send for one statement. */
  const wholeStatement: fc.Arbitrary<readonly Part[]> = fc
    .record({
      name,
      portal,
      text: fc.oneof(statements, preparable),
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

  return fc.oneof(
    { weight: 5, arbitrary: wholeStatement },
    {
      weight: 2,
      arbitrary: fc
        .record({ parse: name, text: preparable })
        .map(({ parse, text }) => [{ parse, text }, { describe: 'S', name: parse } as const]),
    },
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
      // Run again without data, it would read the next messages as COPY data, a protocol violation: no other statement
      // uses its name.
      { parse: 'copy', text },
      { bind: 'copy', portal: '', values: [] },
      { execute: '', rows: 0 },
      { copy: lines },
      { close: 'S', name: 'copy' },
    ]),
  );
}

function groupsOf(theme: Theme): fc.Arbitrary<Group> {
  const { statements, bytes } = theme;
  const simple: fc.Arbitrary<Group> = fc.oneof(
    { weight: 6, arbitrary: statements.map((query) => ({ query })) },
    {
      weight: 2,
      arbitrary: fc
        .array(statements, { minLength: 2, maxLength: 4 })
        .map((texts) => ({ query: texts.join('; ') })),
    },
    copyIn.map(({ text, lines }) => ({ query: text, copy: lines })),
  );
  const group: fc.Arbitrary<Group> = fc.oneof(
    { weight: 3, arbitrary: simple },
    {
      weight: 2,
      arbitrary: fc
        .array(partsOf(theme), { minLength: 1, maxLength: 3 })
        .map((parts) => ({ extended: parts.flat() })),
    },
  );
  return bytes === undefined
    ? group
    : fc.tuple(group, fc.constantFrom(...bytes)).map(([one, as]) => ({ ...one, as }));
}

const leaving: fc.Arbitrary<Leaving> = fc.oneof(
  fc.constantFrom<Leaving[]>('terminate', 'vanish'),
  privateStatement.map((text) => ({ vanishAfter: text })),
  privateStatement.map((text) => ({ terminateAfter: text })),
);

const session = fc.integer({ min: 1, max: sessionsPerScript });

/** Steps that belong together: almost always one. */
function stepsOf(theme: Theme): fc.Arbitrary<readonly Step[]> {
  const { startup, bytes = ['utf8'], world, repeats = 0 } = theme;
  const group = groupsOf(theme);
  const once = (step: fc.Arbitrary<Step>): fc.Arbitrary<readonly Step[]> =>
    step.map((one) => [one]);
  return fc.oneof(
    {
      weight: 12,
      arbitrary: once(
        fc.record({
          session,
          send: fc.oneof(
            { weight: 6, arbitrary: fc.array(group, { minLength: 1, maxLength: 1 }) },
            fc.array(group, { minLength: 2, maxLength: 3 }),
          ),
        }),
      ),
    },
    {
      weight: startup === undefined ? 1 : 2,
      arbitrary: once(
        fc
          .record({
            session,
            connect: startup ?? fc.constant({}),
            as: fc.constantFrom<Bytes[]>(...bytes),
          })
          .map(({ as, ...step }) => (as === 'utf8' ? step : { ...step, as })),
      ),
    },
    { weight: 1, arbitrary: once(fc.record({ session, leave: leaving })) },
    ...(world === undefined
      ? []
      : [{ weight: 3, arbitrary: once(world.map((text) => ({ session: 0, world: text }))) }]),
    // Statements whose first runs left no state have to be probed all the same.
    ...(repeats === 0
      ? []
      : [
          {
            weight: 2,
            arbitrary: fc
              .record({ session, group, times: fc.integer({ min: 2, max: repeats }) })
              .map(({ session, group, times }) =>
                Array.from({ length: times }, () => ({ session, send: [group] })),
              ),
          },
        ]),
  );
}

/** Scripts of up to this many steps, each about one or two of these themes. */
export function scripts(steps: number, about: readonly ThemeName[]): fc.Arbitrary<Script> {
  return fc
    .subarray([...about], { minLength: 1, maxLength: Math.min(2, about.length) })
    .chain((names) => scriptsAbout(steps, names));
}

function scriptsAbout(steps: number, names: readonly ThemeName[]): fc.Arbitrary<Script> {
  const chosen = names.map((name): Theme => themes[name]);
  return fc
    .array(fc.oneof(...chosen.map(stepsOf)), { minLength: 2, maxLength: steps, size: 'max' })
    .map((script) => script.flat().map(ownNames))
    .map((script) =>
      avoided.reduce(
        (changed, { avoid, theme }) =>
          theme !== undefined && names.includes(theme) ? changed : avoid(changed),
        script as Script,
      ),
    );
}

/** Replaces `@` with the number of the session. */
function ownNames(step: Step): Step {
  return JSON.parse(JSON.stringify(step).replaceAll('@', String(step.session))) as Step;
}
