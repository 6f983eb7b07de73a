import { knownOperators, steadyFunctions, volatileFunctions } from './known-functions.ts';
import {
  notPlain,
  plainVolatile,
  sessionFunctions,
  sqlRunningFunctions,
} from './session-functions.ts';

/** Functions that a plain read may call. */
export const plainFunctions: ReadonlySet<string> = new Set([
  ...steadyFunctions.filter((name) => !notPlain.has(name) && !sessionFunctions.has(name)),
  ...plainVolatile,
]);

/** Functions that touch no session, though they may write, wait or answer differently each time. */
export const harmlessFunctions: ReadonlySet<string> = new Set(
  [...steadyFunctions, ...volatileFunctions].filter(
    (name) => !sessionFunctions.has(name) && !sqlRunningFunctions.has(name),
  ),
);

/** PostgreSQL's own operators. */
export const plainOperators: ReadonlySet<string> = new Set([...knownOperators, '!=']);
