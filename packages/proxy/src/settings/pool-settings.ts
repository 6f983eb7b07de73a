import type { Settings } from './table.ts';

/** What applies to one pool. */
export type PoolSettings = Pick<Settings, 'PoolSize' | 'MinPoolSize' | 'InitQuery'>;

/** The settings of the pool for `database` and `user` (a user of the database): the first entry of Pools that matches it, over the general ones. */
export function poolSettings(settings: Settings, database: string, user: string): PoolSettings {
  const { PoolSize, MinPoolSize, InitQuery } = settings;
  const entry = settings.Pools.find(
    ({ Database, User }) =>
      (Database === '*' || Database === database) && (User === '*' || User === user),
  );
  return {
    PoolSize: entry?.PoolSize ?? PoolSize,
    MinPoolSize: entry?.MinPoolSize ?? MinPoolSize,
    InitQuery: entry?.InitQuery ?? InitQuery,
  };
}
