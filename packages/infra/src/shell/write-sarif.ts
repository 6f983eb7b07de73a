import { writeFile } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import process from 'node:process';
import type { Finding } from '../preflight/check.ts';
import type { SecurityReport } from '../security/report.ts';
import { sarif, type Place } from '../security/sarif.ts';
import type { CommandLine } from './command-line.ts';

/**
 * Where a text about an input belongs: the line of the first input that it names, otherwise the top of the last inputs file.
 * Code hosts want paths within the repository.
 */
export function placesIn(
  origins: Readonly<Record<string, string>>,
  root: string = process.env['GITHUB_WORKSPACE'] ?? process.cwd(),
): (text: string) => Place {
  const places = Object.entries(origins).flatMap(([name, origin]): [string, Place][] => {
    const [, file, line] = /^(.+):(\d+)$/.exec(origin) ?? [];
    return file === undefined ? [] : [[name, { uri: pathIn(root, file), line: Number(line) }]];
  });
  const last = places.at(-1)?.[1].uri ?? 'terraform.tfvars';
  return (text) => {
    const named = places.find(([name]) => new RegExp(`\\b${name}\\b`).test(text));
    return named?.[1] ?? { uri: last, line: 1 };
  };
}

function pathIn(root: string, file: string): string {
  const path = relative(root, resolve(file));
  return path.split(sep).join('/');
}

/** With --sarif FILE, writes checks and findings beside the inputs that they are about. */
export async function writeSarif(
  line: CommandLine,
  told: {
    readonly checks: readonly Finding[];
    readonly security?: SecurityReport;
    readonly origins: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { sarif: file } = line.options;
  if (typeof file === 'string') {
    const report = told.security ?? { findings: [], packs: [], unused: [] };
    const document = sarif(report, placesIn(told.origins), told.checks);
    await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`);
  }
}
