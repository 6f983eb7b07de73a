import type { NameIndex, SideEffects } from '../sql/index.ts';
import type { Risk } from './stored-code-sql.ts';

/** A function, relation or type whose code may have side effects. */
export interface RiskyName {
  readonly risk: Risk;
  readonly sideEffects: SideEffects;
  /** Only statements that write run the code. */
  readonly onlyWrites: boolean;
  /** A built-in function: the parser finds it in any spelling. */
  readonly isOwn: boolean;
}

/** The known code of a database; immutable, and replaced as a whole. */
export interface CodeKnowledge {
  /** Everything with possible side effects, by its names in texts. */
  readonly risky: NameIndex<RiskyName>;
  /** Only built-in functions, which texts show, have side effects. */
  readonly isPlain: boolean;
  /** The lower-case names of all user functions. */
  readonly functions: ReadonlySet<string>;
  /** The possible side effects of any statement, whatever it names. */
  readonly any: Risk;
  /**
   * The possible side effects of statements with user-defined operators, and of statements that bind values of
   * user-defined types.
   */
  readonly operators: Risk;
  readonly types: Risk;
  /** Dynamic SQL may run any code in the database. */
  readonly dynamic: Risk;
  /** Equal for knowledge of the same code. */
  readonly key: string;
}
