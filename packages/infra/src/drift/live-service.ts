import type { LiveReader } from './drift.ts';

/** The resources of engine sluice. */
export const liveService: Readonly<Record<string, LiveReader>> = {};
