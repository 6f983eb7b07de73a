import path from 'node:path';
import { settingsSchema } from '@sluice/proxy/settings';
import { format, resolveConfig } from 'prettier';
import { errorsPage } from './errors-page.ts';
import { settingsPage } from './settings-page.ts';

/** A file that is made from the code, and what has to stand in it. */
export interface GeneratedPage {
  readonly file: string;
  readonly text: string;
}

/** Every page that is made from the code; the file is relative to the root of the repository. */
export async function generatedPages(): Promise<readonly GeneratedPage[]> {
  const pages = {
    'docs/settings.md': settingsPage(),
    'docs/settings.schema.json': JSON.stringify(settingsSchema()),
    'docs/errors.md': errorsPage(),
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
