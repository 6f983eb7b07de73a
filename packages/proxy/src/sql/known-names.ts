import { knownOperators, steadyFunctions, volatileFunctions } from './known-functions.ts';
import {
  notPlain,
  plainVolatile,
  sessionFunctions,
  sqlRunningFunctions,
} from './session-functions.ts';

/** Functions that a plain read can call. */
export const plainFunctions: ReadonlySet<string> = new Set([
  ...steadyFunctions.filter((name) => !notPlain.has(name) && !sessionFunctions.has(name)),
  ...plainVolatile,
]);

/** Functions that do not affect the session, though they may write, wait or return different results. */
export const harmlessFunctions: ReadonlySet<string> = new Set(
  [...steadyFunctions, ...volatileFunctions].filter(
    (name) => !sessionFunctions.has(name) && !sqlRunningFunctions.has(name),
  ),
);

/** The built-in operators. */
export const plainOperators: ReadonlySet<string> = new Set([...knownOperators, '!=']);
