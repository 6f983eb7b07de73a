import type { NameIndex, SideEffects } from '../sql/index.ts';
import type { Risk } from './stored-code-sql.ts';

/** A function, relation or type whose code may leave something. */
export interface RiskyName {
  readonly risk: Risk;
  readonly sideEffects: SideEffects;
  /** Only statements that write run the code. */
  readonly onlyWrites: boolean;
  /** It is a function of PostgreSQL's own: the parser finds it under whatever spelling. */
  readonly isOwn: boolean;
}

/** What is known of the code of a database; made whole, and replaced whole. */
export interface CodeKnowledge {
  /** Everything that may leave something, by the names that texts call it by. */
  readonly risky: NameIndex<RiskyName>;
  /** Nothing is doubted but functions of PostgreSQL's own, which texts show. */
  readonly isPlain: boolean;
  /** Names of all functions of users, in lower case. */
  readonly functions: ReadonlySet<string>;
  /** What any statement may leave, whatever it names. */
  readonly any: Risk;
  /** What statements with operators of users may leave, and statements that bind values of users' types. */
  readonly operators: Risk;
  readonly types: Risk;
  /** Code that makes statements as it runs may run anything that is there. */
  readonly dynamic: Risk;
  /** What would be equal in knowledge of the same code. */
  readonly key: string;
}
