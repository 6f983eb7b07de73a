import type { SecurityFinding, SecurityReport } from './report.ts';
import { rules } from './rules.ts';

/** The report in SARIF 2.1.0, which code hosts show beside the code. Acknowledged findings are suppressed results. */
export function sarif(report: SecurityReport, artifact = 'template.json'): object {
  const ids = [...new Set(report.findings.map((finding) => finding.rule))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sluice synth',
            rules: [
              ...rules.map(({ id, title, why, mend }) => ({
                id,
                shortDescription: { text: title },
                fullDescription: { text: why },
                help: { text: mend },
              })),
              ...ids.filter((id) => !id.startsWith('SLUICE-')).map((id) => ({ id })),
            ],
          },
        },
        results: report.findings.map((finding) => result(finding, artifact)),
      },
    ],
  };
}

function result(finding: SecurityFinding, artifact: string): object {
  return {
    ruleId: finding.rule,
    level: 'error',
    message: { text: finding.told },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: artifact } },
        logicalLocations: [{ name: finding.resource, kind: 'resource' }],
      },
    ],
    ...(finding.status === 'acknowledged'
      ? { suppressions: [{ kind: 'external', justification: finding.reason }] }
      : {}),
  };
}
