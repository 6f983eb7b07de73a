import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import {
  NameIndex,
  Shown,
  harmlessFunctions,
  plainOperators,
  readCode,
  sideEffectsOf,
  unionOf,
  wordsIn,
} from '../sql/index.ts';
import type { SideEffects, Words } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import { sqlRunningExtensions, statelessExtensions } from './stateless-extensions.ts';
import {
  Risk,
  worstOf,
  bodiesSql,
  decode,
  fingerprintSql,
  functionsSql,
  ownRisks,
  ownFunctionsSql,
  reachSql,
} from './stored-code-sql.ts';
import type { CodeKnowledge, RiskyName } from './code-knowledge.ts';

/** Called once; `knowledge` is null if the catalog could not be read. */
type Done = (knowledge: CodeKnowledge | null, isLost: boolean) => void;
type Rows = InternalAnswer['rows'];

/** The maximum depth of calls that is followed; if it is exceeded, any statement is unproven. */
const deepest = 16;
/** Work is divided into slices of this many milliseconds: clients are served in between. */
const slice = 4;

/** The C functions behind the functions that PostgreSQL creates for aggregates and range types. */
const madeByItself = /^(?:aggregate_dummy|(?:multi)?range_constructor\d)$/;

/** A LOAD, in code or text that is not parsed. */
const loads = /\bload\s{1,20}['eu$]/i;

const nothing: SideEffects = { parameters: new Set(), unnamed: false, other: false };

/** A user-defined function. */
interface StoredFunction {
  readonly oid: number;
  /** Changes with the function. */
  readonly version: string;
  /** One character per byte. */
  readonly name: string;
  /** The possible side effects of its own code, without those of called functions. */
  readonly risk: Risk;
  /** It runs dynamic SQL. */
  readonly isDynamic: boolean;
  readonly sideEffects: SideEffects;
  readonly words: Words;
}

/** A built-in function with possible side effects. */
interface OwnFunction {
  readonly name: string;
  readonly oids: readonly number[];
  readonly risk: Risk;
}

/** By server_version: they are the same in all databases of a version. */
const ownFunctions = new Map<string, readonly OwnFunction[]>();

/**
 * The last reading of each database, by the run of its server and the OID of the database, while any pool uses it: the
 * pools of its users share it.
 */
const readings = new Map<string, WeakRef<Read>>();
/** Above this number, entries that no pool uses are removed. */
const mostReadings = 1000;

/** Reads the code of one database from its catalog; later readings read only changes. */
export class StoredCodeReader {
  #last: Read | null = null;

  /** The possible side effects of a text that is not parsed as SQL; `dynamic`: those of dynamic SQL. */
  riskOfText(text: Buffer, dynamic: Risk): Risk {
    const words = text.toString('latin1');
    if (loads.test(words)) return Risk.Lasting;
    return /\bexecute\b/i.test(words) ? dynamic : Risk.Resettable;
  }

  /** Queries the catalog, on a connection that runs nothing else. */
  read(connection: ServerConnection, done: Done): void {
    new Reading(connection, this.#last, (read, isLost) => {
      if (read !== null) this.#last = read;
      done(read?.knowledge ?? null, isLost);
    }).start();
  }
}

/** What was read; immutable. */
interface Read {
  readonly functions: ReadonlyMap<number, StoredFunction>;
  readonly fingerprint: string;
  readonly knowledge: CodeKnowledge;
}

/** One reading: several queries, and the conclusions from their answers. */
class Reading {
  readonly #connection: ServerConnection;
  readonly #done: (read: Read | null, isLost: boolean) => void;
  readonly #functions = new Map<number, StoredFunction>();
  readonly #version: string;
  #last: Read | null;
  /** The run of the server, and the database; empty: unknown. */
  #origin = '';
  #fingerprint = '';
  /** The last query for what code reaches. */
  #reachSql = '';

  constructor(
    connection: ServerConnection,
    last: Read | null,
    done: (read: Read | null, isLost: boolean) => void,
  ) {
    this.#connection = connection;
    this.#last = last;
    this.#done = done;
    this.#version = connection.state.reported.get('server_version') ?? '';
  }

  start(): void {
    this.#query(fingerprintSql, (rows) => {
      this.#fingerprint = rows[0]?.[0] ?? '';
      this.#origin = rows[0]?.[1] ?? '';
      if (this.#last?.fingerprint !== this.#fingerprint)
        this.#last = readings.get(this.#origin)?.deref() ?? this.#last;
      if (this.#last?.fingerprint === this.#fingerprint) this.#done(this.#last, false);
      else this.#readOwn();
    });
  }

  /** Runs one query; `next` gets its answer without the row of the prelude. */
  #query(sql: string, next: (rows: Rows) => void): void {
    // The connection may be lost while its last answer is processed.
    if (this.#connection.closed) {
      this.#done(null, true);
      return;
    }
    this.#connection.run(
      sql,
      new InternalQuery(({ rows, error, lost }) => {
        if (lost) this.#done(null, true);
        else if (error === null) next(rows.slice(1));
        else {
          events.storedCodeUnread.publish({ error: error.message ?? '' });
          this.#done(null, false);
        }
      }),
    );
  }

  #readOwn(): void {
    if (ownFunctions.has(this.#version)) {
      this.#readFunctions();
      return;
    }
    this.#query(ownFunctionsSql, (rows) => {
      const own: OwnFunction[] = [];
      for (const [name, oids] of rows) {
        if (typeof name !== 'string' || typeof oids !== 'string') continue;
        // An unknown function, for example of a newer version, is unproven.
        const risk = ownRisks.get(name) ?? (isKnown(name) ? Risk.None : Risk.Resettable);
        if (risk !== Risk.None) own.push({ name, oids: oids.split(' ').map(Number), risk });
      }
      ownFunctions.set(this.#version, own);
      this.#readFunctions();
    });
  }

  #readFunctions(): void {
    this.#query(functionsSql, (rows) => {
      const changed = new Map<number, (body: Buffer, args: Buffer) => StoredFunction>();
      for (const [oid, version, name, language, extension, source] of rows) {
        if (typeof oid !== 'string' || typeof name !== 'string' || typeof version !== 'string')
          continue;
        const known = this.#last?.functions.get(Number(oid));
        if (known?.version === version) this.#functions.set(known.oid, known);
        else
          changed.set(Number(oid), (body, args) =>
            functionOf(
              { oid: Number(oid), version, name: decode(name).toString('latin1') },
              { language: language ?? '', extension: extension ?? null, source: source ?? '' },
              body,
              args,
            ),
          );
      }
      if (changed.size === 0) this.#spread(new Map(), 0);
      else
        this.#query(bodiesSql(changed.keys()), (bodies) => {
          inSlices(
            bodies,
            ([oid, body, args]) => {
              const made = changed.get(Number(oid))?.(decode(body ?? ''), decode(args ?? ''));
              if (made !== undefined) this.#functions.set(made.oid, made);
            },
            () => this.#spread(new Map(), 0),
          );
        });
    });
  }

  /** The possible side effects of code that names other code, repeated until nothing changes. */
  #spread(risks: Map<number, Risk>, depth: number, objects: Rows = []): void {
    const own = ownFunctions.get(this.#version) ?? [];
    const functions = [...this.#functions.values()];
    const dynamic = functions.some(({ risk }) => risk === Risk.Lasting)
      ? Risk.Lasting
      : Risk.Resettable;
    const index = new NameIndex<RiskyName>();
    for (const { name, risk } of own)
      // The effects of each function include what set_config() sets.
      if (name !== 'set_config')
        index.add(name, { risk, sideEffects: nothing, onlyWrites: false, isOwn: true });
    const all = unionOf(functions.map(({ sideEffects }) => sideEffects));
    for (const [table, , risk, reads, name] of objects) {
      if (table !== 'pg_class' && table !== 'pg_type') continue;
      index.add(decode(name ?? '').toString('latin1'), {
        risk: riskOf(risk),
        // It is unknown which of the functions it runs.
        sideEffects: all,
        onlyWrites: reads !== 't',
        isOwn: false,
      });
    }
    const allSideEffects = new Map<number, SideEffects>();
    for (const each of functions) {
      const risk = worstOf(
        each.risk,
        each.isDynamic ? dynamic : Risk.None,
        risks.get(each.oid) ?? Risk.None,
      );
      if (risk !== Risk.None) risks.set(each.oid, risk);
      allSideEffects.set(each.oid, each.sideEffects);
      if (risk !== Risk.None || leaves(each.sideEffects))
        index.add(each.name, {
          risk,
          sideEffects: each.sideEffects,
          onlyWrites: false,
          isOwn: false,
        });
    }
    let grew = false;
    inSlices(
      functions,
      ({ oid, words, sideEffects }) => {
        const named = index.find(words);
        const worst = worstOf(risks.get(oid) ?? Risk.None, ...named.map(({ risk }) => risk));
        if (worst !== (risks.get(oid) ?? Risk.None)) {
          risks.set(oid, worst);
          grew = true;
        }
        const known = this.#functions.get(oid);
        const spread = unionOf([sideEffects, ...named.map((each) => each.sideEffects)]);
        if (known !== undefined && !isSame(spread, sideEffects)) {
          this.#functions.set(oid, { ...known, sideEffects: spread });
          grew = true;
        }
      },
      () => {
        if (grew && depth < deepest) this.#spread(risks, depth + 1, objects);
        else this.#reach(risks, depth, objects, grew);
      },
    );
  }

  /** The objects for which PostgreSQL runs such code. */
  #reach(risks: Map<number, Risk>, depth: number, before: Rows, grew: boolean): void {
    const own = ownFunctions.get(this.#version) ?? [];
    const ownOids = new Map(own.flatMap(({ oids, risk }) => oids.map((oid) => [oid, risk])));
    const major = Number.parseInt(this.#version, 10);
    const withSideEffects = [...this.#functions.values()].filter(({ sideEffects }) =>
      leaves(sideEffects),
    );
    const all = new Map([...withSideEffects.map(({ oid }) => [oid, Risk.None] as const), ...risks]);
    const sql = reachSql(major, all, ownOids);
    // Nothing has grown since: what is reached is the same, and is not read again.
    if (sql === this.#reachSql) {
      this.#conclude(risks, before, grew);
      return;
    }
    this.#reachSql = sql;
    this.#query(sql, (objects) => {
      let isNew = objects.length !== before.length;
      for (const [table, oid, risk] of objects) {
        if (table !== 'pg_proc') continue;
        if (riskOf(risk) <= (risks.get(Number(oid)) ?? Risk.None)) continue;
        risks.set(Number(oid), riskOf(risk));
        isNew = true;
      }
      if (isNew && depth < deepest) this.#spread(risks, depth + 1, objects);
      else this.#conclude(risks, objects, isNew || grew);
    });
  }

  #conclude(risks: ReadonlyMap<number, Risk>, objects: Rows, isEndless: boolean): void {
    const risky = new NameIndex<RiskyName>();
    const keys: string[] = [];
    let any: Risk = isEndless ? Risk.Lasting : Risk.None;
    let operators: Risk = Risk.None;
    let types: Risk = Risk.None;
    const functions = [...this.#functions.values()];
    const all = unionOf(functions.map(({ sideEffects }) => sideEffects));
    for (const { name, risk } of ownFunctions.get(this.#version) ?? [])
      if (name !== 'set_config')
        risky.add(name, { risk, sideEffects: nothing, onlyWrites: false, isOwn: true });
    const ownNames = risky.size;
    for (const { oid, name, sideEffects } of functions) {
      const risk = risks.get(oid) ?? Risk.None;
      if (risk === Risk.None && !leaves(sideEffects)) continue;
      risky.add(name, { risk, sideEffects, onlyWrites: false, isOwn: false });
      keys.push(
        `f${name} ${risk} ${[...sideEffects.parameters].join()} ${sideEffects.unnamed} ${sideEffects.other}`,
      );
    }
    for (const [table, oid, worst, reads, bytes, isSilent] of objects) {
      const risk = riskOf(worst);
      const name = decode(bytes ?? '').toString('latin1');
      keys.push(`${table} ${oid} ${name} ${risk} ${reads}`);
      if (table === 'pg_class' || table === 'pg_type')
        risky.add(name, { risk, sideEffects: all, onlyWrites: reads !== 't', isOwn: false });
      if (table === 'pg_type' && risk > types) types = risk;
      if (table === 'pg_operator' && risk > operators) operators = risk;
      const isAny = isSilent === 't' || (table === 'pg_operator' && plainOperators.has(name));
      if (isAny && risk > any) any = risk;
      // DDL is unproven anyway; lasting side effects still matter.
      if (table === 'pg_event_trigger' && risk === Risk.Lasting) any = Risk.Lasting;
    }
    const knowledge: CodeKnowledge = {
      risky,
      isPlain: risky.size === ownNames && any === Risk.None,
      functions: new Set(functions.map(({ name }) => name.toLowerCase())),
      any,
      operators,
      types,
      dynamic: functions.some(({ risk }) => risk === Risk.Lasting) ? Risk.Lasting : Risk.Resettable,
      key: keys.sort().join('\n'),
    };
    const read = { functions: this.#functions, fingerprint: this.#fingerprint, knowledge };
    if (this.#origin !== '') {
      if (readings.size >= mostReadings)
        for (const [origin, reading] of readings)
          if (reading.deref() === undefined) readings.delete(origin);
      readings.set(this.#origin, new WeakRef(read));
    }
    this.#done(read, false);
  }
}

function isKnown(name: string): boolean {
  return harmlessFunctions.has(name) || ownReads.has(name);
}

/** Functions that involve a session without side effects that are not handled elsewhere. */
const ownReads = new Set([
  'nextval',
  'currval',
  'lastval',
  'setval',
  'pg_notify',
  'pg_advisory_unlock',
  'pg_advisory_unlock_shared',
  'pg_advisory_unlock_all',
  'pg_backend_pid',
  'pg_cursor',
  'pg_prepared_statement',
  'pg_listening_channels',
  'pg_my_temp_schema',
  'inet_client_addr',
  'inet_client_port',
  'inet_server_addr',
  'inet_server_port',
]);

function riskOf(text: string | null | undefined): Risk {
  return text === '2' ? Risk.Lasting : text === '1' ? Risk.Resettable : Risk.None;
}

function leaves({ parameters, unnamed, other }: SideEffects): boolean {
  return parameters.size > 0 || unnamed || other;
}

function isSame(a: SideEffects, b: SideEffects): boolean {
  return a.parameters.size === b.parameters.size && a.unnamed === b.unnamed && a.other === b.other;
}

/** The knowledge about a function from its own code. */
function functionOf(
  id: { readonly oid: number; readonly version: string; readonly name: string },
  made: {
    readonly language: string;
    readonly extension: string | null;
    readonly source: string;
  },
  body: Buffer,
  args: Buffer,
): StoredFunction {
  const { language, extension, source } = made;
  const words = wordsIn(Buffer.concat([body, Buffer.from(' '), args]));
  if (language !== 'sql' && language !== 'plpgsql') {
    const isRunner = extension !== null && sqlRunningExtensions.has(extension);
    const isStateless =
      isRunner ||
      (language === 'internal' && madeByItself.test(source)) ||
      (language === 'c' && extension !== null && statelessExtensions.has(extension));
    const isCompiled = language === 'internal' || language === 'c';
    return {
      ...id,
      risk: isStateless ? Risk.None : Risk.Lasting,
      isDynamic: isRunner,
      // The words of a script show at least which parameters its session may have to track.
      sideEffects: isCompiled ? nothing : sideEffectsOf(body.toString('latin1')),
      words: isCompiled ? wordsIn(Buffer.alloc(0)) : words,
    };
  }
  const shown = readCode(language, body);
  const sideEffects = sideEffectsOf(body.toString('latin1'));
  const isUnclear = sideEffects.unnamed || sideEffects.other;
  return {
    ...id,
    risk: shown === Shown.Loads ? Risk.Lasting : isUnclear ? Risk.Resettable : Risk.None,
    isDynamic: shown === Shown.Unclear,
    sideEffects,
    words,
  };
}

/** Calls `work` for each, and then `done`, with pauses in which clients are served. */
function inSlices<T>(list: readonly T[], work: (item: T) => void, done: () => void): void {
  let at = 0;
  const go = (): void => {
    const until = performance.now() + slice;
    while (at < list.length) {
      const item = list[at++];
      if (item !== undefined) work(item);
      if (at % 16 === 0 && performance.now() > until) {
        setImmediate(go);
        return;
      }
    }
    done();
  };
  go();
}
