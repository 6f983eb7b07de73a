import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from './machine.ts';

/** The paths from pgbench to the database, in the order of the table. */
export const targetNames = ['direct', 'sluice-node', 'sluice-bun', 'pgbouncer'] as const;
export type TargetName = (typeof targetNames)[number];

/** One run of pgbench. */
export interface Round {
  /** Transactions per second, without the time to connect, except in cases that connect for each transaction. */
  readonly tps: number;
  /** Latency of a transaction in milliseconds. pgbench never counts the time to connect as latency. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the proxy per transaction, in microseconds; user and system. Absent without a proxy. */
  readonly cpuMicros?: number;
}

/** A case, measured on several targets in turn. A failed round is null, so that the indexes of targets correspond. */
export interface LoadResult {
  readonly name: string;
  /** The rate of all targets in transactions per second; absent: each ran as fast as it could. */
  readonly rate?: number;
  readonly rounds: Readonly<Partial<Record<TargetName, readonly (Round | null)[]>>>;
}

/** Memory of one proxy with idle clients. */
export interface IdleStep {
  readonly clients: number;
  /** Resident memory of the process, in bytes. */
  readonly rss: number;
  /** The average memory of each client after the first 500. */
  readonly bytesPerClient: number;
}

/** A memory case. A target that failed has no steps. */
export interface IdleResult {
  readonly name: string;
  readonly steps: Readonly<Partial<Record<TargetName, readonly IdleStep[]>>>;
}

/** A complete run, as it is stored in a file. */
export interface BenchResult {
  /** The version of this format; increases if it changes. */
  readonly version: 1;
  /** When the run started, ISO 8601. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly poolSize: number;
  readonly scramIterations: number;
  readonly load: readonly LoadResult[];
  readonly idle: readonly IdleResult[];
  /** Errors, in sentences. */
  readonly failures: readonly string[];
}

/** Writes the result into a folder, in a file named after the start time; returns the file. */
export async function writeResult(folder: string, result: BenchResult): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, `${result.startedAt.slice(0, 19).replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}

/** Reads a result. Throws if the file is not one, or has another version. */
export async function readResult(file: string): Promise<BenchResult> {
  const result: BenchResult = JSON.parse(await readFile(file, 'utf8'));
  if (result.version !== 1) {
    throw new Error(
      `${file} holds a result of version ${String(result.version)}; this program reads version 1`,
    );
  }
  return result;
}
