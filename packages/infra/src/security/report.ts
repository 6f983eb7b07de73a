/** One violated rule on one resource. */
export interface SecurityFinding {
  readonly rule: string;
  readonly pack: string;
  /** A violation fails the plan; an acknowledged finding is only reported, with its reason. */
  readonly status: 'violation' | 'acknowledged';
  readonly resource: string;
  readonly detail: string;
  readonly fix?: string;
  readonly reason?: string;
  /** Who acknowledged it: the inputs, or this project. */
  readonly by?: 'inputs' | 'project';
}

/** The findings of the rule packs on one template. */
export interface SecurityReport {
  readonly findings: readonly SecurityFinding[];
  /** The packs that ran. */
  readonly packs: readonly string[];
  /** Acknowledgements in the inputs that match nothing: the rule is misspelt, or no longer violated. */
  readonly unused: readonly string[];
}

/** The findings that fail the plan. */
export function violations(report: SecurityReport): SecurityFinding[] {
  return report.findings.filter((finding) => finding.status === 'violation');
}
