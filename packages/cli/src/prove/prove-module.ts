import type * as proveModule from '@sluice/prove';

/** The package that does it; not imported here, since it may be installed elsewhere or not at all. */
export type ProveModule = typeof proveModule;
