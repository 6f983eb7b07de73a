/** One broken rule on one resource. */
export interface SecurityFinding {
  readonly rule: string;
  readonly pack: string;
  /** A violation fails the plan; an acknowledged one stands in the report with its reason. */
  readonly status: 'violation' | 'acknowledged';
  readonly resource: string;
  readonly detail: string;
  readonly fix?: string;
  readonly reason?: string;
  /** Who acknowledged it: the inputs, or this project. */
  readonly by?: 'inputs' | 'project';
}

/** What the rule packs said of one template. */
export interface SecurityReport {
  readonly findings: readonly SecurityFinding[];
  /** The packs that ran. */
  readonly packs: readonly string[];
  /** Acknowledgements of the inputs that match nothing: a rule misspelt, or no longer broken. */
  readonly unused: readonly string[];
}

/** Those that fail the plan. */
export function violations(report: SecurityReport): SecurityFinding[] {
  return report.findings.filter((finding) => finding.status === 'violation');
}
