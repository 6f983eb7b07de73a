import { FrontendCode as Code } from '@sluice/wire';
import { as, distinct } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';

/** The large-object functions by OID (pg_proc.dat). Their side effects end with the transaction. */
export const largeObjectFunctions: ReadonlySet<number> = new Set([
  715, 764, 765, 767, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172, 3457, 3458,
  3459, 3460,
]);

/** The kind of a message code, for the checks before the message is processed. */
export const Kind = distinct<'Kind'>()({ Unknown: 0, Small: 1, Large: 2, Streamed: 3 });
export type Kind = Distinct<'Kind'>;
const kinds = new Uint8Array(256);
for (const code of [
  Code.Sync,
  Code.Flush,
  Code.Terminate,
  Code.CopyDone,
  Code.Close,
  Code.Describe,
])
  kinds[code] = Kind.Small;
kinds[Code.Execute] = Kind.Small;
kinds[Code.CopyFail] = Kind.Small;
for (const code of [Code.Query, Code.Parse, Code.Bind, Code.FunctionCall]) kinds[code] = Kind.Large;
kinds[Code.CopyData] = Kind.Streamed;

/** The kind of the message with this code. */
export function kindOf(code: number): Kind {
  return as<'Kind'>(kinds[code] ?? Kind.Unknown);
}
