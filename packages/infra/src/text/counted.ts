/** `1 tag`, `2 tags`; with an irregular plural `2 properties`. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${count} ${count === 1 ? word : plural}`;
}
