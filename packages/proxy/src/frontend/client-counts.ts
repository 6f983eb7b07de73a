import { ProxyError } from '../errors.ts';

/** The maximum numbers of clients; 0: no limit. */
interface CountLimits {
  readonly clients: number;
  readonly clientsPerUser: number;
  readonly clientsPerDatabase: number;
}

/** Counts clients, in total, by user and by database. */
export class ClientCounts {
  readonly #byUser = new Map<string, number>();
  readonly #byDatabase = new Map<string, number>();
  #all = 0;

  /** The number of clients. */
  get all(): number {
    return this.#all;
  }

  /** Why another client of this user and database is refused, or null. */
  full(user: string, database: string, limits: CountLimits): ProxyError | null {
    const { clients, clientsPerUser, clientsPerDatabase } = limits;
    if (clients > 0 && this.#all >= clients)
      return new ProxyError('TOO_MANY_CLIENTS', {
        setting: 'MaxClientConnections',
        limit: clients,
      });
    if (clientsPerUser > 0 && (this.#byUser.get(user) ?? 0) >= clientsPerUser) {
      return new ProxyError('TOO_MANY_CLIENTS', {
        setting: 'MaxClientConnectionsPerUser',
        limit: clientsPerUser,
      });
    }
    if (clientsPerDatabase > 0 && (this.#byDatabase.get(database) ?? 0) >= clientsPerDatabase) {
      return new ProxyError('TOO_MANY_CLIENTS', {
        setting: 'MaxClientConnectionsPerDatabase',
        limit: clientsPerDatabase,
      });
    }
    return null;
  }

  add(user: string, database: string): void {
    this.#all++;
    change(this.#byUser, user, 1);
    change(this.#byDatabase, database, 1);
  }

  remove(user: string, database: string): void {
    this.#all--;
    change(this.#byUser, user, -1);
    change(this.#byDatabase, database, -1);
  }
}

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
