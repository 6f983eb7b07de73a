import { writeFile } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import process from 'node:process';
import { originOf } from '../inputs/read.ts';
import type { Finding } from '../preflight/check.ts';
import type { SecurityReport } from '../security/report.ts';
import { merged, sarif, type Place, type SarifDocument } from '../security/sarif.ts';
import type { CommandLine } from './command-line.ts';

type Origins = Readonly<Record<string, string>>;

/**
 * The position for a text about an input: the line of the first input that it names, otherwise the top of the last
 * inputs file; none if no input comes from a file. Code hosts need paths within the repository.
 */
export function placesIn(
  origins: Origins,
  root: string = process.env['GITHUB_WORKSPACE'] ?? process.cwd(),
): (text: string) => Place | undefined {
  const inFiles = Object.entries(origins).filter(
    ([, origin]) => fileOf(origin, root) !== undefined,
  );
  const last = fileOf(inFiles.at(-1)?.[1], root);
  return (text) =>
    fileOf(originOf(text, Object.fromEntries(inFiles)), root) ??
    (last === undefined ? undefined : { ...last, line: 1 });
}

/**
 * The file and line of an origin (`FILE:LINE`, or `FILE:LINE proxies.NAME` for several proxies); none for a variable or
 * a flag.
 */
function fileOf(origin: string | undefined, root: string): Place | undefined {
  const [, file, line] = /^(.+?):(\d+)(?: |$)/.exec(origin ?? '') ?? [];
  return file === undefined
    ? undefined
    : { uri: relative(root, resolve(file)).split(sep).join('/'), line: Number(line) };
}

/** The text of a check. */
export function findingText({ found, fix }: Finding): string {
  return fix === undefined ? found : `${found}; fix: ${fix}`;
}

/** The findings of checks or rules, with the file and line of the input that they are about. */
export function withPlaces<T extends { readonly status: string }>(
  findings: readonly T[],
  origins: Origins,
  textOf: (finding: T) => string,
): (T & { readonly place?: { readonly file: string; readonly line: number } })[] {
  const placeOf = placesIn(origins);
  return findings.map((finding) => {
    const place = ['failed', 'warning', 'violation'].includes(finding.status)
      ? placeOf(textOf(finding))
      : undefined;
    return place === undefined
      ? finding
      : { ...finding, place: { file: place.uri, line: place.line } };
  });
}

/** With --sarif FILE, writes checks and findings with the positions of the inputs that they are about. */
export async function writeSarif(
  line: CommandLine,
  results: {
    readonly checks: readonly Finding[];
    readonly security?: SecurityReport;
    readonly origins: Origins;
  },
): Promise<void> {
  const { sarif: file } = line.options;
  if (typeof file === 'string') {
    const report = results.security ?? { findings: [], packs: [], unused: [] };
    const placeOf = placesIn(results.origins);
    const document = sarif(
      report,
      (text) => placeOf(text) ?? { uri: 'terraform.tfvars', line: 1 },
      results.checks,
    );
    if (line.reports === undefined) {
      await writeReports(line, [document]);
    } else {
      line.reports.push(document);
    }
  }
}

/** Writes the reports of all proxies as one run: code hosts accept one run of a tool per file. */
export async function writeReports(
  line: CommandLine,
  reports: readonly SarifDocument[],
): Promise<void> {
  const { sarif: file } = line.options;
  const [first] = reports;
  if (typeof file === 'string' && first !== undefined) {
    await writeFile(file, `${JSON.stringify(merged(first, reports), undefined, 2)}\n`);
  }
}
