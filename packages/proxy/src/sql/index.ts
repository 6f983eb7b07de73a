export { classify, classifyBytes } from './classifier.ts';
export { Flag, touchesSession } from './effects.ts';
export type { Effect, Effects, OpaqueReason, TransactionAction } from './effects.ts';
export { loadParser } from './parser.ts';
