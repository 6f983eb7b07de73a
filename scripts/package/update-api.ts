// Writes the reports of the packages' exports: npm run api
import { checkApiReport, reports } from './api-report.ts';
import { assemble, compile } from './assemble.ts';
import { published } from './published.ts';

await compile();
for (const each of published) {
  await assemble(each);
  const upToDate = await checkApiReport(each, true);
  console.log(`${each.name}: ${upToDate ? 'as before' : `written to ${reports}`}`);
}
