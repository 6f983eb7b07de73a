import type { Finding } from '../preflight/check.ts';
import type { SecurityFinding, SecurityReport } from './report.ts';
import { rules } from './rules.ts';

/** A line of a file, in SARIF's terms. */
export interface Place {
  readonly uri: string;
  readonly line: number;
}

/** A report in SARIF, as far as this module reads it. */
export interface SarifDocument {
  readonly $schema: string;
  readonly version: string;
  readonly runs: readonly [
    {
      readonly tool: {
        readonly driver: { readonly name: string; readonly rules: readonly SarifRule[] };
      };
      readonly results: readonly object[];
    },
  ];
}

interface SarifRule {
  readonly id: string;
}

/** Merges several reports into one run. */
export function merged(first: SarifDocument, all: readonly SarifDocument[]): SarifDocument {
  const runs = all.map(({ runs: [run] }) => run);
  const rules = new Map(
    runs.flatMap(({ tool }) => tool.driver.rules.map((rule) => [rule.id, rule])),
  );
  const { name } = first.runs[0].tool.driver;
  return {
    ...first,
    runs: [
      {
        tool: { driver: { name, rules: [...rules.values()] } },
        results: runs.flatMap(({ results }) => results),
      },
    ],
  };
}

/**
 * The report in SARIF 2.1.0, which code hosts show next to the code. Acknowledged findings are suppressed results.
 * @param checks the preflight checks of a plan; failed ones and warnings are results, too
 */
export function sarif(
  report: SecurityReport,
  artifact: string | ((text: string) => Place) = 'template.json',
  checks: readonly Finding[] = [],
): SarifDocument {
  const placeOf =
    typeof artifact === 'string' ? (): Place => ({ uri: artifact, line: 1 }) : artifact;
  const ids = [...new Set(report.findings.map((finding) => finding.rule))].sort();
  const detail = checks.filter(({ status }) => status === 'failed' || status === 'warning');
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sluice',
            rules: [
              ...rules.map(({ id, title, why, fix }) => ({
                id,
                shortDescription: { text: title },
                fullDescription: { text: why },
                help: { text: fix },
              })),
              ...ids.filter((id) => !id.startsWith('SLUICE-')).map((id) => ({ id })),
              ...detail.map(({ code, title }) => ({ id: code, shortDescription: { text: title } })),
            ],
          },
        },
        results: [
          ...report.findings.map((finding) => result(finding, placeOf)),
          ...detail.map((check) => checkResult(check, placeOf)),
        ],
      },
    ],
  };
}

function checkResult(
  { code, status, found, fix }: Finding,
  placeOf: (text: string) => Place,
): object {
  const text = fix === undefined ? found : `${found}; fix: ${fix}`;
  return {
    ruleId: code,
    level: status === 'failed' ? 'error' : 'warning',
    message: { text },
    locations: [{ physicalLocation: location(placeOf(text)) }],
  };
}

/** The SARIF location of a line in a file. */
function location({ uri, line }: Place): object {
  return { artifactLocation: { uri }, region: { startLine: line } };
}

function result(finding: SecurityFinding, placeOf: (text: string) => Place): object {
  return {
    ruleId: finding.rule,
    level: 'error',
    message: { text: finding.detail },
    locations: [
      {
        physicalLocation: location(placeOf(`${finding.detail} ${finding.fix ?? ''}`)),
        logicalLocations: [{ name: finding.resource, kind: 'resource' }],
      },
    ],
    ...(finding.status === 'acknowledged'
      ? { suppressions: [{ kind: 'external', justification: finding.reason }] }
      : {}),
  };
}
