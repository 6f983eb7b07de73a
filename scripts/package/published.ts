/** A published package. Everything else about it comes from the workspaces that it contains. */
export interface Published {
  readonly name: string;
  /** The workspace with the version, description, keywords, exports and README. */
  readonly workspace: string;
  /** The workspaces in it; their dependencies become those of the package. */
  readonly holds: readonly string[];
  /** Its command: the file to run, which is copied unchanged, and the module that it imports. */
  readonly command?: { readonly name: string; readonly file: string; readonly module: string };
  /** Modules that run as separate processes and that no import refers to. */
  readonly programs?: readonly string[];
  /** A pattern for files that are read and not run; they keep their location relative to the code. */
  readonly assets?: string;
  /** Sluice packages that are used if they are installed. */
  readonly companions?: readonly string[];
}

/**
 * The published packages. Workspaces are not published separately: they change together, and a user who installs
 * `sluice` gets one package with one version.
 */
export const published: readonly Published[] = [
  {
    name: 'sluice',
    workspace: 'packages/sluice',
    holds: ['packages/cli', 'packages/proxy', 'packages/wire'],
    command: {
      name: 'sluice',
      file: 'packages/cli/bin/sluice.js',
      module: 'packages/cli/src/main.ts',
    },
    companions: ['@sluice/infra', '@sluice/postgres', '@sluice/prove'],
  },
  { name: '@sluice/postgres', workspace: 'packages/postgres', holds: ['packages/testkit'] },
  {
    name: '@sluice/prove',
    workspace: 'packages/prove',
    holds: ['packages/testkit', 'packages/proxy', 'packages/wire'],
    programs: ['packages/prove/src/stage/proxy-main.ts'],
    assets: 'packages/prove/src/workload/ready/*.yaml',
  },
  { name: '@sluice/infra', workspace: 'packages/infra', holds: ['packages/proxy'] },
];
