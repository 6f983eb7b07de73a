// Builds and packs the published packages: npm run pack
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { assemble, compile, pack } from './assemble.ts';
import { published } from './published.ts';
import { root } from './workspace.ts';

const target = path.join(root, 'dist');
await rm(target, { recursive: true, force: true });
await compile();
for (const each of published) {
  const tarball = await pack(await assemble(each), target);
  const { size } = await stat(tarball);
  console.log(`${path.relative(root, tarball)}  ${Math.round(size / 1000)} kB`);
}
