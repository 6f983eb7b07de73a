import type { Setting } from '../setting.ts';
import { since } from './common.ts';

/** What sessions that share server connections get of each other. */
export const isolation = {
  PinNotice: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Sends a client a NOTICE when its session is pinned and when it is unpinned, with the reason and a way to avoid the pin. Intended for development.',
  },

  UnprovenCode: {
    type: 'enum',
    values: ['reset', 'pin', 'trust'],
    default: 'reset',
    reloadable: true,
    since,
    doc: 'What the proxy does after a session has run code whose side effects are not proven: dynamic SQL, or code that the proxy cannot read. `reset`: the proxy resets the connection before it forwards the first request of another session. Code whose side effects a reset might not remove (unknown C functions, languages other than SQL and PL/pgSQL) pins the session, and the proxy closes the connection afterwards. `pin`: all unproven code pins. `trust`: the proxy does nothing, so other sessions can see the side effects.',
  },

  Interleaving: {
    type: 'enum',
    values: ['off', 'auto', 'always'],
    default: 'auto',
    reloadable: true,
    since,
    doc: 'Whether the reads of several sessions can be in flight on one server connection, one after another, to save system calls. A query cycle qualifies if it is a single SELECT, VALUES, TABLE or SHOW without side effects, as a simple Query or as one run of a prepared statement, outside a transaction, of a session without a pin or LISTEN. `auto`: reads that mostly took less than 5 ms so far, while sessions take turns on connections more than 300 times a second. `off`: none. `always`: all that qualify, for tests. See [interleaving.md](interleaving.md).',
  },
} as const satisfies Readonly<Record<string, Setting>>;
