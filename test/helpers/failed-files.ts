import path from 'node:path';
import type { TestEvent } from 'node:test/reporters';

/**
 * A reporter that writes the files with failed tests, one per line, for `npm run test:again`: a test that fails only
 * together with others is faulty itself.
 */
// oxlint-disable-next-line import/no-default-export -- node:test uses the default export of a reporter's module.
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
