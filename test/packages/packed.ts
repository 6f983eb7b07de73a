import { assemble, compile, pack } from '../../scripts/package/assemble.ts';
import { published } from '../../scripts/package/published.ts';

/** The tarballs of the published packages, by package name. */
export async function packAll(target: string): Promise<ReadonlyMap<string, string>> {
  await compile();
  const tarballs = new Map<string, string>();
  for (const each of published) tarballs.set(each.name, await pack(await assemble(each), target));
  return tarballs;
}
