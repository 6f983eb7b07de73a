import type { Part } from './case.ts';
import type { Random } from './random.ts';

/** Numbers at which lengths and counts overflow. */
const numbers = [
  -2147483648, -65536, -2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 100, 127, 128, 255, 256, 32767, 32768, 65535,
  65536, 0x00ffffff, 0x40000000, 2147483647,
];

type Mutation = (random: Random, messages: Buffer[], makeMore: () => Buffer) => void;

/** Ways to change the body of a message, with its length corrected or unchanged. */
function replaceBody(random: Random, messages: Buffer[], change: (body: Buffer) => Buffer): void {
  const at = random.below(messages.length);
  const message = messages[at];
  if (message === undefined || message.length < 5) return;
  const changed = Buffer.concat([message.subarray(0, 5), change(message.subarray(5))]);
  if (random.chance(0.6)) changed.writeInt32BE(changed.length - 1, 1);
  messages[at] = changed;
}

const mutations: readonly Mutation[] = [
  // The length.
  (random, messages) => {
    const at = random.below(messages.length);
    const changed = Buffer.from(messages[at] ?? '');
    if (changed.length < 5) return;
    const length = random.chance(0.5)
      ? changed.readInt32BE(1) + random.between(-3, 3)
      : random.pick(numbers);
    changed.writeInt32BE(length | 0, 1);
    messages[at] = changed;
  },
  // A count, or a length within the body.
  (random, messages) =>
    replaceBody(random, messages, (body) => {
      const changed = Buffer.from(body);
      if (changed.length >= 4 && random.chance(0.5))
        changed.writeInt32BE(random.pick(numbers), random.below(changed.length - 3));
      else if (changed.length >= 2)
        changed.writeInt16BE((random.pick(numbers) << 16) >> 16, random.below(changed.length - 1));
      return changed;
    }),
  // Truncation and growth.
  (random, messages) =>
    replaceBody(random, messages, (body) => body.subarray(0, random.below(body.length + 1))),
  (random, messages) =>
    replaceBody(random, messages, (body) =>
      Buffer.concat([body, random.bytes(random.between(1, 40))]),
    ),
  // The end of a string removed, or added where there was none.
  (random, messages) =>
    replaceBody(random, messages, (body) => {
      const changed = Buffer.from(body);
      const zero = changed.indexOf(0, random.below(changed.length + 1));
      if (zero >= 0) changed[zero] = 0x78;
      return changed;
    }),
  (random, messages) =>
    replaceBody(random, messages, (body) => {
      const changed = Buffer.from(body);
      if (changed.length > 0) changed[random.below(changed.length)] = 0;
      return changed;
    }),
  // Any bytes.
  (random, messages) =>
    replaceBody(random, messages, (body) => {
      const changed = Buffer.from(body);
      for (let count = random.between(1, 4); count > 0 && changed.length > 0; count -= 1)
        changed[random.below(changed.length)] = random.below(256);
      return changed;
    }),
  // The kind of a message.
  (random, messages) => {
    const at = random.below(messages.length);
    const changed = Buffer.from(messages[at] ?? '');
    if (changed.length === 0) return;
    changed[0] = random.chance(0.8)
      ? random.pick([...Buffer.from('BCDEFHPQSXcdfpRKTZ12tnsIAGWNv3')])
      : random.below(256);
    messages[at] = changed;
  },
  // Repetition and order.
  (random, messages) => {
    const at = random.below(messages.length);
    const message = messages[at];
    if (message === undefined) return;
    const most = message.length > 2000 ? 3 : 60;
    messages.splice(at, 0, ...Array.from({ length: random.between(1, most) }, () => message));
  },
  (random, messages) => {
    const [taken] = messages.splice(random.below(messages.length), 1);
    if (taken !== undefined) messages.splice(random.below(messages.length + 1), 0, taken);
  },
  (random, messages) => {
    messages.splice(random.below(messages.length), 1);
  },
  (random, messages, makeMore) => {
    messages.splice(random.below(messages.length + 1), 0, makeMore());
  },
  // The end of everything.
  (random, messages) => {
    const at = random.below(messages.length);
    const message = messages[at] ?? Buffer.alloc(0);
    messages.splice(at, Infinity, message.subarray(0, random.below(message.length + 1)));
  },
  // No message at all.
  (random, messages) => {
    messages.splice(random.below(messages.length + 1), 0, random.bytes(random.between(1, 30)));
  },
];

/** Turns well-formed messages into hostile ones: some mutations, then other writes than one for each. */
export function mutate(
  random: Random,
  wellFormed: readonly Buffer[],
  makeMore: () => Buffer,
): readonly Part[] {
  const messages = [...wellFormed];
  for (let count = random.pick([0, 1, 1, 1, 2, 2, 3, 5]); count > 0; count -= 1) {
    if (messages.length === 0) messages.push(makeMore());
    random.pick(mutations)(random, messages, makeMore);
  }
  return split(random, messages);
}

function split(random: Random, messages: readonly Buffer[]): readonly Part[] {
  const whole = Buffer.concat(messages);
  if (whole.length === 0) return [];
  if (whole.length < 60 && random.chance(0.05)) return Array.from(whole, (byte) => Buffer.of(byte));
  const cuts = Array.from({ length: random.pick([0, 0, 0, 1, 1, 2, 4]) }, () =>
    random.below(whole.length),
  );
  const edges = [0, ...cuts.sort((one, other) => one - other), whole.length];
  const parts = edges.map((edge, index) => whole.subarray(edge, edges[index + 1] ?? edge));
  return parts.filter((part) => part.length > 0);
}
