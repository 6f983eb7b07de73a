/** A program that parses often enough for V8 to optimize the parser, and prints its maximum size in megabytes. */
import { loadParser, parse } from '../../src/sql/parser.ts';

await loadParser();
const peak = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
const before = peak();
// V8 compiles concurrently: the program yields to the event loop, so that optimized code is installed.
for (let round = 0; round < 40; round += 1) {
  for (let index = 0; index < 400; index += 1) {
    parse(
      `SELECT a, count(*) FROM b JOIN c USING (d) WHERE e = ${index} GROUP BY 1 ORDER BY 2 LIMIT 3`,
    );
  }
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}
console.log(JSON.stringify({ before, after: peak() }));
