export { suspicious, traceOf, unionOf } from './body-trace.ts';
export type { Trace } from './body-trace.ts';
export { ByteCache, hashBytes } from './cache.ts';
export { classify, classifyBytes, longestText } from './classifier.ts';
export { Flag, effectsOf, touchesSession } from './effects.ts';
export type { Effect, Effects, OpaqueReason, TransactionAction } from './effects.ts';
export { Lexis, lexisOf } from './lexis.ts';
export { loadParser } from './parser.ts';
export { shapeAt, shapeOf } from './shape.ts';
