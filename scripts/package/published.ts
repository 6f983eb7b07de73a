/** A package as it is published. Everything else about it is made from the workspaces that it holds. */
export interface Published {
  readonly name: string;
  /** The workspace that gives version, description, keywords, exports and README. */
  readonly workspace: string;
  /** Workspaces that go into it; their dependencies become its own. */
  readonly holds: readonly string[];
  /** Its command: the file that is run, copied as it is, and the module that it imports. */
  readonly command?: { readonly name: string; readonly file: string; readonly module: string };
  /** Modules that run as processes of their own, which no import leads to. */
  readonly programs?: readonly string[];
  /** A pattern for files that are read and not run; they keep their places beside the code. */
  readonly assets?: string;
  /** Packages of Sluice that are found when they are installed. */
  readonly companions?: readonly string[];
}

/**
 * What is published. Workspaces are not published one by one: they change together, and a user who installs `sluice`
 * shall see one package with one version.
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
