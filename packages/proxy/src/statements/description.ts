import { countParameters, sameColumns } from '@sluice/wire';
/** PostgreSQL's description of a prepared statement: the types of its parameters, and its rows. */
export class Description {
  /** The body of ParameterDescription (B): Int16 n, Int32[n] types. A Parse has types in the same format. */
  readonly parameters: Buffer;
  /** The body of RowDescription (B); null for NoData. */
  readonly rows: Buffer | null;

  constructor(parameters: Buffer, rows: Buffer | null) {
    this.parameters = parameters;
    this.rows = rows;
  }

  /** The number of parameters. */
  get count(): number {
    return countParameters(this.parameters);
  }

  /** Whether the described bytes are the same. */
  equals(parameters: Buffer, rows: Buffer | null): boolean {
    return (
      this.parameters.equals(parameters) &&
      (rows === null ? this.rows === null : this.rows?.equals(rows) === true)
    );
  }

  /**
   * Whether a client that got the other description reads rows of this one correctly. The criteria are PostgreSQL's
   * (`equalRowTypes`): names, types and type modifiers, not the origin of a column.
   */
  agreesWith(other: Description): boolean {
    return (
      this === other ||
      (this.parameters.equals(other.parameters) && sameRows(this.rows, other.rows))
    );
  }
}

function sameRows(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : sameColumns(a, b);
}
