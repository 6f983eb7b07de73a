import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './binaries.ts';

const run = promisify(execFile);

/** The account that PostgreSQL runs as. Empty: the account of this process. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * PostgreSQL refuses to run as root ("root" execution of the PostgreSQL server is not permitted), so root uses the
 * account `nobody`; everybody else uses their own.
 */
export function findAccount(): Promise<Account> {
  found ??= lookUpAccount();
  return found;
}

let found: Promise<Account> | undefined;

async function lookUpAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** Changes the owner of a directory and its contents to the account. */
export async function giveTo(account: Account, folder: string): Promise<void> {
  if (account.uid === undefined) return;
  await run('chown', ['-R', `${account.uid}:${account.gid}`, folder]);
}

/** Whether the account can enter a directory, which needs the execute permission on all its parents. */
export async function canEnter(account: Account, folder: string): Promise<boolean> {
  return run('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

/**
 * The same binaries, in a location that the account can reach. An installation below a private directory (for example
 * root's home) is inaccessible to `nobody`; it is then copied into `folder`, about 60 MB.
 */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  account: Account,
  folder: string,
): Promise<PostgresBinaries> {
  if (await canEnter(account, path.join(binaries.root, 'bin'))) return binaries;
  const root = path.join(folder, 'binaries');
  await mkdir(root);
  // The links between the libraries are relative, and have to stay so.
  await cp(binaries.root, root, { recursive: true, verbatimSymlinks: true });
  return { root, initdb: path.join(root, 'bin/initdb'), postgres: path.join(root, 'bin/postgres') };
}
