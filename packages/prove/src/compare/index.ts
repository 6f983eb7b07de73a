export { compareReports, defaultThreshold } from './compare-reports.ts';
export type { Comparison } from './compare-reports.ts';
export { formatComparison } from './format-comparison.ts';
export { readReport } from './read-report.ts';
