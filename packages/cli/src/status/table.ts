/** A table with headings: text is left-aligned, and numbers are right-aligned. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => String(line[column] ?? '').length)),
  );
  const isNumber = headings.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[\d.]+$/.test(String(row[column]))),
  );
  return lines
    .map((line) => {
      const cells = line.map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumber[column] === true
          ? String(cell).padStart(width)
          : String(cell).padEnd(width);
      });
      return `${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
