export { sideEffectsOf, unionOf } from './body-side-effects.ts';
export type { SideEffects } from './body-side-effects.ts';
export { ByteCache, hashBytes } from './cache.ts';
export { classify, classifyBytes, longestText } from './classifier.ts';
export { Shown, readCode } from './code-reader.ts';
export { Flag, effectsOf, opaqueEffects, sharedEffects, touchesSession } from './effects.ts';
export type {
  Effect,
  Effects,
  OpaqueReason,
  TransactionAction,
  TransactionChange,
} from './effects.ts';
export { harmlessFunctions, plainOperators } from './known-names.ts';
export { Lexis, lexisOf } from './lexis.ts';
export { NameIndex, wordsIn } from './name-index.ts';
export type { Words } from './name-index.ts';
export { loadParser } from './parser.ts';
export { normalizedAt, normalizedOf } from './normalized.ts';
export { sessionFunctions, sqlRunningFunctions } from './session-functions.ts';
export { inLowerCase } from './tree-values.ts';
export { statementEnds } from './statement-ends.ts';
export { charactersIn } from './text-length.ts';
