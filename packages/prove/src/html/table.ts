import { html } from './markup.ts';
import type { Content, Markup } from './markup.ts';

/**
 * A table that scrolls separately if it is wider than the page, and that the keyboard can reach.
 *
 * @param textColumns - columns of text; the others contain numbers.
 * @param stacks - on a narrow page, each row becomes a block, for rows that are mostly text.
 */
export function table(
  label: string,
  head: readonly string[],
  rows: readonly (readonly Content[])[],
  textColumns: readonly number[] = [],
  stacks = false,
): Markup {
  const kind = (at: number): string => (textColumns.includes(at) ? 'text' : '');
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}">
    <table class="${stacks ? 'stacks' : ''}">
      <thead>
        <tr>
          ${head.map((title, at) => html`<th scope="col" class="${kind(at)}">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((cell, at) => html`<td class="${kind(at)}" data-label="${head[at] ?? ''}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
