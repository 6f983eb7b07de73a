/** A platform for which a single file is built. */
export interface Target {
  /** The name of the file: `sluice-linux-x64`. */
  readonly name: string;
  /** The name in Bun. */
  readonly bun: string;
  /** The npm package with Bun for this platform. */
  readonly runtime: string;
}

/** Linux with glibc, as in distroless and Debian, and macOS. */
export const targets: readonly Target[] = [
  { name: 'linux-x64', bun: 'bun-linux-x64', runtime: '@oven/bun-linux-x64' },
  { name: 'linux-arm64', bun: 'bun-linux-arm64', runtime: '@oven/bun-linux-aarch64' },
  { name: 'darwin-x64', bun: 'bun-darwin-x64', runtime: '@oven/bun-darwin-x64' },
  { name: 'darwin-arm64', bun: 'bun-darwin-arm64', runtime: '@oven/bun-darwin-aarch64' },
];

/** The platform of this machine. */
export const hostTarget = `${process.platform}-${process.arch}`;
