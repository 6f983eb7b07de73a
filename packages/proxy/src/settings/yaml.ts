import type { Document } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Given, GivenRecord } from './given.ts';
import type { Problem } from './problem.ts';

/** Parses YAML text; a syntax error or a duplicate name becomes a problem. An empty text is an empty record. */
export function givenYaml(text: string, file: string, problems: Problem[]): GivenRecord {
  const lines = new LineCounter();
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  problems.push(
    ...document.errors.map(({ pos, message }) => ({ where: position(pos[0]), message })),
  );
  const top = given(document.contents, document, position, 0);
  if (top.kind === 'record') {
    return { ...top, where: file };
  }
  if (top.kind === 'list' || top.value !== null) {
    problems.push({ where: top.where, message: 'expected lines such as `TargetHost: localhost`' });
  }
  return { kind: 'record', where: file, entries: [] };
}

/** `offset` is the position of a missing node: `Name:` without a value. */
function given(
  node: unknown,
  document: Document,
  position: (offset: number) => string,
  offset: number,
): Given {
  const where = position((isNode(node) ? node.range?.[0] : undefined) ?? offset);
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isMap(target)) {
    const entries = target.items.map(({ key, value }) => {
      const [start, end] = (isNode(key) ? key.range : undefined) ?? [offset, offset];
      const name = String(isScalar(key) ? key.value : key);
      return { name, where: position(start), value: given(value, document, position, end) };
    });
    return { kind: 'record', where, entries };
  }
  if (isSeq(target)) {
    const items = target.items.map((item) => given(item, document, position, offset));
    return { kind: 'list', where, items };
  }
  return { kind: 'scalar', where, value: isScalar(target) ? target.value : null };
}
