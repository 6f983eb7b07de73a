/** Replaces `tests/test.js` of postgres.js: continues after a failure, and writes a line for each test. */
import { inspect } from 'node:util';

type Body = () => Promise<readonly [unknown, unknown, ...unknown[]]>;

interface Options {
  /** Seconds. */
  readonly timeout?: number;
}

interface Test {
  readonly name: string;
  readonly seconds: number;
  readonly body: Body;
}

const tests: Test[] = [];
const wanted = (process.env['CONFORMANCE_ONLY'] ?? '').split(',').filter((name) => name !== '');
let escaped: unknown;

process.on('unhandledRejection', (error) => (escaped = error));
process.on('uncaughtException', (error) => (escaped = error));

export function t(name: string, ...rest: [Body] | [Options, Body]): void {
  const [options, body] = rest.length === 2 ? rest : [{}, rest[0]];
  const same = tests.filter((test) => test.name.replace(/ \(\d+\)$/, '') === name).length;
  const unique = same === 0 ? name : `${name} (${same + 1})`;
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) return;
  tests.push({ name: unique, seconds: options.timeout ?? t.timeout, body });
}
t.timeout = 5;

export const nt = (): void => undefined;
export const ot = t;

async function run({ name, seconds, body }: Test): Promise<void> {
  const began = performance.now();
  const error = await judge(body, seconds).then(
    () => escaped,
    (thrown: unknown) => thrown,
  );
  escaped = undefined;
  const passed = error === undefined;
  const result = { name, passed, seconds: (performance.now() - began) / 1000 };
  const why = passed ? '' : `${inspect(error)}\n`;
  process.stdout.write(`${why}RESULT ${JSON.stringify(result)}\n`);
}

async function judge(body: Body, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('timed out')), seconds * 1000);
  });
  try {
    const [expected, got] = await Promise.all(await Promise.race([body(), late]));
    if (expected !== got) throw new Error(`${inspect(expected)} != ${inspect(got)}`);
  } finally {
    clearTimeout(timer);
  }
}

// After the whole file with the tests has been executed.
setImmediate(() => {
  void (async () => {
    for (const test of tests) await run(test);
    process.exit(0);
  })();
});
