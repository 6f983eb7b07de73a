import { writeFile } from 'node:fs/promises';
import { planMarkdown, type PlanSection } from '../text/plan-markdown.ts';
import type { CommandLine } from './command-line.ts';

/**
 * With --markdown FILE, writes the result of a plan; the results of several proxies are collected until all are done.
 */
export async function writeMarkdown(line: CommandLine, section: PlanSection): Promise<void> {
  if (line.sections === undefined) {
    await writeSections(line, [section]);
  } else {
    line.sections.push(section);
  }
}

/** Writes the sections of all proxies as one text. */
export async function writeSections(
  line: CommandLine,
  sections: readonly PlanSection[],
): Promise<void> {
  const { markdown: file } = line.options;
  if (typeof file === 'string' && sections.length > 0) {
    await writeFile(file, planMarkdown(sections));
  }
}
