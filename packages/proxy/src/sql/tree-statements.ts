import { has, mask, union } from '../distinct.ts';
import { flagsOfBody } from './body-words.ts';
import { Flag } from './effects.ts';
import type { Effect } from './effects.ts';
import { listOf, nodeOf, numberOf, stringOf } from './parser.ts';
import type { TreeNode } from './parser.ts';
import { transactionParameters } from './session-functions.ts';
import { transactionActions } from './statements.ts';
import { inLowerCase } from './tree-values.ts';

/** What a statement's own fields show: bits, details, and whether a literal mattered. */
export interface StatementReading {
  readonly flags: Flag;
  readonly details: readonly Effect[];
  readonly readsLiterals?: boolean;
}

const nothing: StatementReading = { flags: Flag.None, details: [] };
const one = (detail: Effect, flags: Flag = Flag.None): StatementReading => ({
  flags,
  details: [detail],
});

/** Analyzes the statements that name what they affect, without the expressions inside. */
export function readStatement(type: string, node: TreeNode): StatementReading {
  const name = (key: string): string | undefined => stringOf(node[key]);
  switch (type) {
    case 'VariableSetStmt':
      return readSetting(node);
    case 'TransactionStmt': {
      const action =
        transactionActions.get((name('kind') ?? '').replace('TRANS_STMT_', '')) ?? 'rollback';
      return one(
        {
          kind: 'transaction',
          action,
          name: name('savepoint_name'),
          chain: node['chain'] === true,
        },
        // The prepared transaction may have changed definitions.
        action === 'commit prepared' ? Flag.Ddl : Flag.None,
      );
    }
    case 'ExecuteStmt':
      return one({ kind: 'execute', name: name('name') ?? '' });
    case 'DeallocateStmt':
      return one({ kind: 'deallocate', name: name('name') });
    case 'ListenStmt':
      return one({ kind: 'listen', channel: name('conditionname') ?? '' });
    case 'UnlistenStmt':
      return one({ kind: 'unlisten', channel: name('conditionname') });
    case 'NotifyStmt':
      return one({ kind: 'notify', channel: name('conditionname') });
    case 'DiscardStmt':
      return readDiscard(name('target') ?? '');
    case 'DeclareCursorStmt': {
      // CURSOR_OPT_HOLD of PostgreSQL's parsenodes.h.
      const hold = (numberOf(node['options']) & 0x20) !== 0;
      return one(
        { kind: 'cursor', action: 'declare', name: name('portalname'), hold },
        hold ? Flag.HoldableCursor : Flag.None,
      );
    }
    case 'FetchStmt':
      return one({ kind: 'cursor', action: 'fetch', name: name('portalname'), hold: false });
    case 'ClosePortalStmt':
      return one({ kind: 'cursor', action: 'close', name: name('portalname'), hold: false });
    case 'DoStmt':
      return readDoBlock(node);
    case 'CopyStmt':
      return { flags: flagsOfCopy(node), details: [] };
    default:
      return nothing;
  }
}

/** SET, SET LOCAL, SET TRANSACTION, SET SESSION CHARACTERISTICS, RESET in all their forms. */
function readSetting(node: TreeNode): StatementReading {
  const kind = stringOf(node['kind']) ?? '';
  const name = inLowerCase(stringOf(node['name']) ?? '');
  if (kind === 'VAR_RESET_ALL') {
    // RESET ALL does not reset role and session_authorization.
    return one({ kind: 'parameter', names: 'all', local: false, reset: true }, Flag.SetsParameter);
  }
  if (kind === 'VAR_SET_MULTI') {
    const ofSession = name === 'session characteristics';
    const names =
      name === 'transaction snapshot'
        ? ['transaction_isolation']
        : listOf(node['args']).map(
            (item) => stringOf(nodeOf(nodeOf(item)['DefElem'])['defname']) ?? '',
          );
    return one(
      {
        kind: 'parameter',
        names: ofSession ? names.map((each) => `default_${each}`) : names,
        local: !ofSession,
      },
      ofSession ? Flag.SetsParameter : Flag.SetsLocalParameter,
    );
  }
  const local = node['is_local'] === true || transactionParameters.has(name);
  const flags = union(local ? Flag.SetsLocalParameter : Flag.SetsParameter, flagsOfParameter(name));
  const reset = kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT';
  return one({ kind: 'parameter', names: [name], local, ...(reset ? { reset } : {}) }, flags);
}

/** Bits that setting this parameter adds. */
export function flagsOfParameter(name: string): Flag {
  if (name === 'role' || name === 'session_authorization') return Flag.ChangesRole;
  // SET seed seeds random() as setseed() does; SHOW does not return it.
  return name === 'seed' ? Flag.OtherState : Flag.None;
}

function readDiscard(target: string): StatementReading {
  switch (target) {
    case 'DISCARD_ALL':
      // RESET ALL, RESET SESSION AUTHORIZATION, DEALLOCATE ALL, UNLISTEN *, unlocking, … in one.
      return one({ kind: 'discard', what: 'all' }, mask(Flag.SetsParameter, Flag.ChangesRole));
    case 'DISCARD_PLANS':
      return one({ kind: 'discard', what: 'plans' });
    case 'DISCARD_SEQUENCES':
      return one({ kind: 'discard', what: 'sequences' });
    default:
      return one({ kind: 'discard', what: 'temp' });
  }
}

function readDoBlock(node: TreeNode): StatementReading {
  let flags: Flag = Flag.None;
  for (const item of listOf(node['args'])) {
    const option = nodeOf(nodeOf(item)['DefElem']);
    const body = stringOf(nodeOf(nodeOf(option['arg'])['String'])['sval']);
    if (option['defname'] === 'as') flags = union(flags, flagsOfBody(body ?? ''));
  }
  const details: Effect[] = !has(flags, Flag.SetsParameter)
    ? []
    : [{ kind: 'parameter', names: 'unknown', local: false }];
  return { flags, details, readsLiterals: true };
}

function flagsOfCopy(node: TreeNode): Flag {
  const from = node['is_from'] === true;
  const flags = from ? Flag.Writes : Flag.None;
  if (node['filename'] !== undefined || node['is_program'] === true) return flags;
  return union(flags, from ? Flag.CopyIn : Flag.CopyOut);
}
