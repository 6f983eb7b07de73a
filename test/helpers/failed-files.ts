import path from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/**
 * A reporter that writes the files in which a test failed, a line each, for `npm run test:again`: what fails beside other
 * tests and not alone is a fault of the test.
 */
// oxlint-disable-next-line import/no-default-export -- node:test takes the default export of a reporter's module.
export default async function* failedFiles(
  events: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
  const failed = new Set<string>();
  for await (const event of events) {
    const file = event.type === 'test:fail' ? event.data.file : undefined;
    if (file === undefined || failed.has(file)) continue;
    failed.add(file);
    yield `${path.relative(process.cwd(), file)}\n`;
  }
}
