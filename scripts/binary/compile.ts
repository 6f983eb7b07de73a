// Compiles the single file. Bun runs it, because it uses Bun's compiler: bun scripts/binary/compile.ts TARGET RUNTIME
// OUTPUT
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

/** The used part of Bun's bundler; its own types would replace those of Node.js in the whole repository. */
interface Bundler {
  build(options: {
    readonly entrypoints: readonly string[];
    readonly compile: {
      readonly target: string;
      readonly outfile: string;
      readonly executablePath: string;
      readonly autoloadDotenv: boolean;
      readonly autoloadBunfig: boolean;
      readonly autoloadPackageJson: boolean;
    };
    readonly external: readonly string[];
    readonly bytecode: boolean;
    readonly format: 'esm' | 'cjs';
    readonly plugins: readonly Plugin[];
  }): Promise<{ readonly success: boolean; readonly logs: readonly unknown[] }>;
}

interface Plugin {
  readonly name: string;
  setup(build: {
    onLoad(
      where: { readonly filter: RegExp },
      load: (file: { readonly path: string }) => {
        readonly contents: string;
        readonly loader: string;
      },
    ): void;
  }): void;
}

declare const Bun: Bundler;

/**
 * The parser looks for its WebAssembly next to its own file, and a single file has no neighbours. So the WebAssembly is
 * embedded, and the parser gets its location.
 */
const embedWebAssembly: Plugin = {
  name: 'embed-webassembly',
  setup(build) {
    build.onLoad({ filter: /libpg-query[/\\]wasm[/\\]index\.(js|cjs)$/ }, (file) => {
      const source = readFileSync(file.path, 'utf8');
      const call = 'PgQueryModule()';
      if (source.split(call).length !== 2) {
        throw new Error(`${file.path} does not load the parser by ${call} any more`);
      }
      return {
        contents: `import embedded from './libpg-query.wasm' with { type: 'file' };\n${source.replace(
          call,
          'PgQueryModule({ locateFile: () => embedded })',
        )}`,
        loader: 'js',
      };
    });
  },
};

/** CommonJS modules contain their location, for which the bundler writes the path on this machine. */
const forgetFolders: Plugin = {
  name: 'forget-folders',
  setup(build) {
    build.onLoad({ filter: /node_modules[/\\].+\.c?js$/ }, (file) => ({
      contents: readFileSync(file.path, 'utf8').replaceAll(
        /\b__(dirname|filename)\b/g,
        '"/sluice"',
      ),
      loader: 'js',
    }));
  },
};

const [target = '', executablePath = '', outfile = ''] = process.argv.slice(2);
const { resolve } = createRequire(import.meta.url);
if (!resolve('libpg-query').endsWith('.cjs')) {
  throw new Error('libpg-query is not found where it was');
}
const { success, logs } = await Bun.build({
  entrypoints: [path.join(import.meta.dirname, 'entry.ts')],
  compile: {
    target,
    outfile,
    executablePath,
    // Settings come from the documented sources, not from any file in the folder.
    autoloadDotenv: false,
    autoloadBunfig: false,
    // Without it, no package is found that has to be installed, nor what that package needs.
    autoloadPackageJson: true,
  },
  // Loaded from disk if they are installed there.
  external: ['@sluice/prove', '@sluice/postgres', '@sluice/infra', '@sluice/infra/*'],
  bytecode: true,
  format: 'esm',
  plugins: [embedWebAssembly, forgetFolders],
});
if (!success) {
  for (const log of logs) console.error(log);
  process.exitCode = 1;
}
