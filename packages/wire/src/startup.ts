/** A startup packet, read. */
export interface StartupMessage {
  readonly major: number;
  readonly minor: number;
  /** Names and values in the order in which they came. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/**
 * Reads a StartupMessage, the whole packet: Int32 length, Int32 version, then pairs of Strings, then a zero byte.
 * Returns null when the layout is broken (a name without a value, no zero byte at the end).
 */
export function parseStartup(packet: Buffer): StartupMessage | null {
  const parameters: [string, string][] = [];
  let at = 8;
  while (at < packet.length - 1) {
    const nameEnd = packet.indexOf(0, at);
    if (nameEnd < 0 || nameEnd === at) return null;
    const valueEnd = packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return null;
    parameters.push([
      packet.toString('utf8', at, nameEnd),
      packet.toString('utf8', nameEnd + 1, valueEnd),
    ]);
    at = valueEnd + 1;
  }
  if (at !== packet.length - 1 || packet[at] !== 0) return null;
  return { major: packet.readUInt16BE(4), minor: packet.readUInt16BE(6), parameters };
}

/** The command-line options in the startup parameter `options`, read. */
export interface StartupOptions {
  /** `-c name=value` and `--name=value`. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** Everything else, as it was written. */
  readonly rest: readonly string[];
}

/**
 * Reads `options`: arguments apart by white space, a backslash before a character takes it as it is
 * (manual, libpq, "options"). A dash in a name after `--` stands for an underscore, as on postgres' command line.
 */
export function parseOptions(options: string): StartupOptions {
  const words = splitWords(options);
  const parameters: [string, string][] = [];
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    let assignment: string | undefined;
    if (word === '-c') assignment = words[++i];
    else if (word.startsWith('-c')) assignment = word.slice(2);
    else if (word.startsWith('--')) assignment = word.slice(2);
    const equals = assignment?.indexOf('=') ?? -1;
    if (assignment === undefined || equals <= 0) rest.push(word);
    else
      parameters.push([
        assignment.slice(0, equals).replaceAll('-', '_'),
        assignment.slice(equals + 1),
      ]);
  }
  return { parameters, rest };
}

/** What C's isspace() takes for white space; more than that is part of a word. */
const whiteSpace = ' \t\n\v\f\r';

function splitWords(options: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < options.length; i++) {
    let character = options.charAt(i);
    if (whiteSpace.includes(character)) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    if (character === '\\' && i + 1 < options.length) character = options.charAt(++i);
    word = (word ?? '') + character;
  }
  if (word !== null) words.push(word);
  return words;
}
