export { classify, classifyBytes, longestText } from './classifier.ts';
export { Flag, touchesSession } from './effects.ts';
export type { Effect, Effects, OpaqueReason, TransactionAction } from './effects.ts';
export { Lexis, lexisOf } from './lexis.ts';
export { loadParser } from './parser.ts';
export { shapeAt, shapeOf } from './shape.ts';
