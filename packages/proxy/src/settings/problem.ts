/** One problem in the settings. */
export interface Problem {
  /** Its position: `file:line:column`, or the name of an environment variable. */
  readonly where: string;
  /** The problem, with the value, and the solution. It starts with the name of the setting and has no full stop. */
  readonly message: string;
}
