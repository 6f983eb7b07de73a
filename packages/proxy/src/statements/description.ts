import { countParameters, sameColumns } from '@sluice/wire';
/** What PostgreSQL tells of a prepared statement: the types of its parameters, and its rows. */
export class Description {
  /** The body of ParameterDescription (B): Int16 n, Int32[n] types. A Parse gives types in the same words. */
  readonly parameters: Buffer;
  /** The body of RowDescription (B); null for NoData. */
  readonly rows: Buffer | null;

  constructor(parameters: Buffer, rows: Buffer | null) {
    this.parameters = parameters;
    this.rows = rows;
  }

  /** How many parameters there are. */
  get count(): number {
    return countParameters(this.parameters);
  }

  /** Whether the bytes that were told are the same. */
  equals(parameters: Buffer, rows: Buffer | null): boolean {
    return (
      this.parameters.equals(parameters) &&
      (rows === null ? this.rows === null : this.rows?.equals(rows) === true)
    );
  }

  /**
   * Whether one who was told the other reads what comes under this one rightly. PostgreSQL's own measure
   * (`equalRowTypes`): names, types and type modifiers, not where a column stands.
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
