/** `1 tag`, `2 tags`; with a plural of its own, `2 properties`. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${count} ${count === 1 ? word : plural}`;
}
