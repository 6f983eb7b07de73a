import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Styles text for one stream; plain text if it is no terminal or NO_COLOR is set. */
export function styler(stream: NodeJS.WritableStream): (format: Format, text: string) => string {
  return (format, text) => styleText(format, text, { stream, validateStream: true });
}

export type Style = ReturnType<typeof styler>;
