import path from 'node:path';
import { reportSchema, workloadSchema } from '@sluice/prove';
import { settingsSchema } from '@sluice/proxy/settings';
import { format, resolveConfig } from 'prettier';
import { errorsPage } from './errors-page.ts';
import { settingsPage } from './settings-page.ts';
import { settingsType } from './settings-type.ts';
import { workloadPage } from './workload-page.ts';

/** A generated file and its content. */
export interface GeneratedPage {
  readonly file: string;
  readonly text: string;
}

const draft = 'https://json-schema.org/draft/2020-12/schema';

/** Every generated file; paths are relative to the root of the repository. */
export async function generatedPages(): Promise<readonly GeneratedPage[]> {
  const pages = {
    'docs/settings.md': settingsPage(),
    'docs/settings.schema.json': JSON.stringify(settingsSchema()),
    'docs/errors.md': errorsPage(),
    'packages/sluice/src/proxy-settings.ts': settingsType(),
    'docs/workload.md': workloadPage(),
    'docs/workload.schema.json': JSON.stringify({ $schema: draft, ...workloadSchema }),
    'docs/prove-report.schema.json': JSON.stringify({ $schema: draft, ...reportSchema }),
  };
  const root = path.resolve(import.meta.dirname, '../..');
  const config = await resolveConfig(path.join(root, 'package.json'));
  return Promise.all(
    Object.entries(pages).map(async ([file, text]) => ({
      file,
      text: await format(text, { ...config, filepath: file }),
    })),
  );
}
