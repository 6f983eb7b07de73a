import type { Document } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Given, GivenRecord } from './given.ts';
import type { Problem } from './problem.ts';

/** Reads YAML text; a syntax error or a name given twice becomes a problem. An empty text is an empty record. */
export function givenYaml(text: string, file: string, problems: Problem[]): GivenRecord {
  const lines = new LineCounter();
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  problems.push(...document.errors.map(({ pos, message }) => ({ where: place(pos[0]), message })));
  const top = given(document.contents, document, place, 0);
  if (top.kind === 'record') {
    return { ...top, where: file };
  }
  if (top.kind === 'list' || top.value !== null) {
    problems.push({ where: top.where, message: 'expected lines such as `TargetHost: localhost`' });
  }
  return { kind: 'record', where: file, entries: [] };
}

/** `offset` is the place of a node that is not there: `Name:` with nothing behind it. */
function given(
  node: unknown,
  document: Document,
  place: (offset: number) => string,
  offset: number,
): Given {
  const where = place((isNode(node) ? node.range?.[0] : undefined) ?? offset);
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isMap(target)) {
    const entries = target.items.map(({ key, value }) => {
      const [start, end] = (isNode(key) ? key.range : undefined) ?? [offset, offset];
      const name = String(isScalar(key) ? key.value : key);
      return { name, where: place(start), value: given(value, document, place, end) };
    });
    return { kind: 'record', where, entries };
  }
  if (isSeq(target)) {
    const items = target.items.map((item) => given(item, document, place, offset));
    return { kind: 'list', where, items };
  }
  return { kind: 'scalar', where, value: isScalar(target) ? target.value : null };
}
