import type { DatabasePath } from './claims/run.ts';
import type { ProveOptions } from './options.ts';
import { ProveError } from './prove-error.ts';

/** The paths for URLs. A name comes before the `=`; paths without a name are numbered. */
export function givenPaths({
  direct,
  through,
}: Pick<ProveOptions, 'direct' | 'through'>): DatabasePath[] {
  const paths: DatabasePath[] = [];
  if (direct !== undefined) paths.push(pathOf('direct', 'direct', direct, '--direct'));
  for (const { name, url } of through) {
    if (paths.some((path) => path.name === name)) {
      throw new ProveError(
        `two paths are called "${name}"; give each its name, as in --through ${name}-2=postgres://…`,
      );
    }
    paths.push(pathOf(name, 'proxy', url, '--through'));
  }
  return paths;
}

/** Parses `NAME=URL`; a URL without a name is called `proxy`. */
export function parseThrough(text: string): { readonly name: string; readonly url: string } {
  const named = /^([\w.-]+)=(.*)$/.exec(text);
  return named === null
    ? { name: 'proxy', url: text }
    : { name: named[1] ?? '', url: named[2] ?? '' };
}

function pathOf(
  name: string,
  kind: DatabasePath['kind'],
  url: string,
  option: string,
): DatabasePath {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^postgres(ql)?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new ProveError(
      `${option} is "${withoutPassword(url)}"; it must look like postgres://user:password@host:5432/database`,
    );
  }
  return { name, kind, url: () => url, shown: withoutPassword(url) };
}

/** A URL for output: without the password and the parameters, which may be secret. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return url.replace(/:[^:@/]*@/, ':…@');
  const parsed = new URL(url);
  const user = parsed.username === '' ? '' : `${parsed.username}@`;
  return `${parsed.protocol}//${user}${parsed.host}${parsed.pathname}`;
}
