/** One thing that is wrong with the settings. */
export interface Problem {
  /** Where it stands: `file:line:column`, or the name of an environment variable. */
  readonly where: string;
  /** What is wrong, with the value, and what would be right. Starts with the name of the setting, ends without a full stop. */
  readonly message: string;
}
