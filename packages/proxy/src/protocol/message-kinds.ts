import { FrontendCode as Code } from '@sluice/wire';

/** The large-object functions by OID (pg_proc.dat). Their side effects end with the transaction. */
export const largeObjectFunctions: ReadonlySet<number> = new Set([
  715, 764, 765, 767, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172, 3457, 3458,
  3459, 3460,
]);

/** The kind of a message code, for the checks before the message is processed. */
export const Kind = { Unknown: 0, Small: 1, Large: 2, Streamed: 3 } as const;
export const kinds: Uint8Array = new Uint8Array(256);
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
