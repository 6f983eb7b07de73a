// Writes the files that are generated from tables in the code: npm run docs
import { writeFileSync } from 'node:fs';
import { generatedPages } from './docs/pages.ts';

for (const { file, text } of await generatedPages()) {
  writeFileSync(file, text);
  console.log(`written: ${file}`);
}
