import type { Frame } from './cpu-profile.ts';

const width = 1600;
const rowHeight = 18;
/** Narrower boxes are invisible. */
const narrowest = 0.5;
const characterWidth = 7;

/** A flame graph as SVG: callers are above their callees, and the width of a box is its share of the time. */
export function flameGraph(tree: Frame): string {
  const boxes: string[] = [];
  let depth = 0;
  const draw = (frame: Frame, x: number, row: number): void => {
    const boxWidth = (frame.total / tree.total) * width;
    if (!(boxWidth >= narrowest)) return;
    depth = Math.max(depth, row + 1);
    const share = (time: number): string => `${((100 * time) / tree.total).toFixed(1)} %`;
    const title = `${frame.name} ${frame.place}: ${share(frame.total)}, itself ${share(frame.self)}`;
    const label = frame.name.slice(0, Math.max(0, Math.floor(boxWidth / characterWidth) - 1));
    boxes.push(
      `<g><title>${escaped(title)}</title>` +
        `<rect x="${x.toFixed(1)}" y="${row * rowHeight}" width="${boxWidth.toFixed(1)}" height="${rowHeight - 1}" fill="hsl(${hue(frame.place)} 70% 75%)"/>` +
        `<text x="${(x + 3).toFixed(1)}" y="${row * rowHeight + 13}">${escaped(label)}</text></g>`,
    );
    let left = x;
    for (const called of [...frame.calls.values()].toSorted((a, b) => b.total - a.total)) {
      draw(called, left, row + 1);
      left += (called.total / tree.total) * width;
    }
  };
  draw(tree, 0, 0);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${depth * rowHeight}" font-family="monospace" font-size="11">\n` +
    `${boxes.join('\n')}\n</svg>\n`
  );
}

/** One color for each file. */
function hue(place: string): number {
  let hash = 7;
  for (const character of place.replace(/:\d+$/, '')) {
    hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  }
  return hash;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
