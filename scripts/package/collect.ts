import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Published } from './published.ts';
import { entriesOf } from './entries.ts';
import { readManifest, root } from './workspace.ts';

/** The module that a statement or a call imports, with the code around it. */
const specifiers = /((?:\bfrom|\bimport)\s*\(?\s*)(['"])([^'"\n]+)\2/g;

/**
 * The files of `dist`, by path, with their texts: those that the entries reach. The compiler has created a tree for
 * each workspace; here they become one, so imports of other workspaces become relative.
 */
export function collectFiles(published: Published): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const seen = new Set<string>();
  const waiting = entriesOf(published).map(compiled);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const one of [file, `${file.slice(0, -'.js'.length)}.d.ts`]) {
      const { text, imports } = relink(published, one);
      files.set(placeOf(published, one), text);
      waiting.push(...imports);
    }
    // The source map stays valid: it contains the source itself.
    const map = `${file}.map`;
    files.set(placeOf(published, map), read(map));
  }
  if (published.assets !== undefined) {
    for (const asset of globSync(published.assets, { cwd: root }))
      files.set(placeOf(published, compiled(asset)), read(asset));
  }
  return files;
}

/** Rewrites the imports of a compiled file for the package; returns the modules that they refer to. */
function relink(
  published: Published,
  file: string,
): { readonly text: string; readonly imports: readonly string[] } {
  const imports: string[] = [];
  const text = read(file).replaceAll(
    specifiers,
    (whole, before: string, quote: string, specifier: string) => {
      const target = targetOf(published, file, specifier);
      if (target === undefined) return whole;
      imports.push(target);
      const place = path.relative(
        path.dirname(placeOf(published, file)),
        placeOf(published, target),
      );
      return `${before}${quote}${place.startsWith('.') ? place : `./${place}`}${quote}`;
    },
  );
  return { text, imports };
}

/** The compiled module of a specifier; undefined for a registry package, Node.js or a companion. */
function targetOf(published: Published, file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    return path.join(path.dirname(file), specifier.replace(/\.ts$/, '.js'));
  }
  const workspace = published.holds.find((each) => {
    const { name } = readManifest(each);
    return specifier === name || specifier.startsWith(`${name}/`);
  });
  if (workspace === undefined) return undefined;
  const { name, exports = {} } = readManifest(workspace);
  const target = exports[`.${specifier.slice(name.length)}`];
  if (target === undefined) {
    throw new Error(
      `${file} imports ${specifier}, which ${workspace}/package.json does not export`,
    );
  }
  return compiled(path.join(workspace, target));
}

/** The path of the JavaScript that the compiler generates for a source. */
function compiled(source: string): string {
  return source.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
}

/** The path of a compiled file in `dist` of the package: its own workspace at the top, each other one in a folder. */
function placeOf({ workspace, holds }: Published, file: string): string {
  for (const each of [workspace, ...holds]) {
    const dist = path.join(each, 'dist');
    if (!file.startsWith(`${dist}/`)) continue;
    const inside = path.relative(dist, file);
    return each === workspace ? inside : path.join(path.basename(each), inside);
  }
  throw new Error(`${file} is in no workspace that ${workspace} holds`);
}

function read(file: string): string {
  const full = path.join(root, file);
  if (!existsSync(full)) throw new Error(`${file} was not compiled`);
  return readFileSync(full, 'utf8');
}
