import { has, mask } from '../distinct.ts';
import { Flag, effectsOf, opaqueEffects } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** Flags of statements that may set or reset parameters. */
const maySet = mask(
  Flag.SetsParameter,
  Flag.SetsLocalParameter,
  Flag.ChangesRole,
  Flag.Discard,
  Flag.Execute,
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Do,
  Flag.Opaque,
);

const unknown = opaqueEffects('name');

const unknownParameters: Effects = Object.freeze({
  ...effectsOf(mask(Flag.Opaque, Flag.SetsParameter), 0, [
    { kind: 'parameter', names: 'unknown', local: false },
  ]),
  reason: 'name',
});

/** The texts are kept up to this length, in bytes. */
const longest = 65_536;

/**
 * The statements of a session whose names have non-ASCII characters. PostgreSQL keeps names in the encoding of the
 * database and converts those of requests from `client_encoding`, so their bytes do not identify them: after a change
 * of it, the same bytes may be another name, and other bytes the same. So they are prepared with the names that the
 * client gives, and the session keeps its connection. A request that runs one may run any of them.
 */
export class NamesBeyondAscii {
  /** All their texts, with a zero byte behind them. */
  source: Buffer = Buffer.alloc(1);
  readonly start = 0;
  effects: Effects = unknown;

  /** The position of the zero byte. */
  get end(): number {
    return this.source.length - 1;
  }

  /** Adds the text `source[start, end)`, whose statement has these effects. */
  add(source: Buffer, start: number, end: number, { flags }: Effects): void {
    if (has(flags, maySet)) this.effects = unknownParameters;
    const text = source.subarray(start, end);
    if (this.source.includes(text)) return;
    const before = this.end + text.length > longest ? [] : [this.source.subarray(0, -1)];
    this.source = Buffer.concat([...before, text, Buffer.from(';\0')]);
  }
}
