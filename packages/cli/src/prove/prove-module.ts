import type * as proveModule from '@sluice/prove';

/** The module @sluice/prove. Only its type is imported: the package may be installed elsewhere, or not at all. */
export type ProveModule = typeof proveModule;
