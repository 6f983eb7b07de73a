import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../../../..');
const requirements = 'packages/infra/test/aws/requirements.txt';

/** Where a Python with moto may be: in SLUICE_PYTHON, in the project's own cache, or on the PATH. */
function pythons(): string[] {
  const own = join(root, '.cache/python/bin/python');
  return [process.env['SLUICE_PYTHON'], existsSync(own) ? own : undefined, 'python3'].filter(
    (python) => python !== undefined,
  );
}

/** The first Python that has moto; undefined when none has. */
function pythonWithMoto(): string | undefined {
  return pythons().find((python) => {
    try {
      execFileSync(python, ['-c', 'import moto.server'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

const python = pythonWithMoto();

/** Why tests with the emulator cannot run, with what to install; false if they can. */
export const withoutEmulator: string | false =
  python === undefined
    ? `Python with moto is missing: python3 -m venv .cache/python && .cache/python/bin/pip install -r ${requirements}`
    : false;

/** A running emulator of AWS. */
export interface Emulator {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts moto's server on a free port of the loopback interface.
 * @param plain moto without the extension
 */
export async function startEmulator(plain = false): Promise<Emulator> {
  if (python === undefined) {
    throw new Error(String(withoutEmulator));
  }
  const child = spawn(python, ['-m', 'sluice_moto.server', ...(plain ? ['--plain'] : [])], {
    env: {
      ...process.env,
      PYTHONPATH: join(import.meta.dirname, 'emulator'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
    // It ends when its standard input ends, so it never outlives the test. It writes a page of traceback for every
    // unknown call.
    stdio: [
      'pipe',
      'pipe',
      process.env['SLUICE_EMULATOR_LOG'] === undefined ? 'ignore' : 'inherit',
    ],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  // A test that fails before it stops the emulator must not wait for it.
  const keep = [child, child.stdin, child.stdout] as readonly { ref?(): void; unref?(): void }[];
  keep.forEach((handle) => handle.unref?.());
  return {
    endpoint: String(line),
    stop: async () => {
      keep.forEach((handle) => handle.ref?.());
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}
