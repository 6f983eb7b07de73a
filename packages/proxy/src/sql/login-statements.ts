import type { Effect } from './effects.ts';
import { listOf, nodeOf, stringOf } from './parser.ts';
import type { TreeNode } from './parser.ts';
import { constantOf } from './tree-values.ts';

/** Catalogs that decide about logins; superusers can change them directly. */
export const loginRelations: ReadonlySet<string> = new Set([
  'pg_database',
  'pg_authid',
  'pg_auth_members',
  'pg_db_role_setting',
]);

/** Statements that always change login-time settings, as far as the kind of statement shows. */
const always: ReadonlySet<string> = new Set([
  'AlterDatabaseSetStmt',
  'AlterDatabaseStmt',
  'AlterRoleSetStmt',
  'AlterRoleStmt',
  'CreateRoleStmt',
  'CreatedbStmt',
  'DropOwnedStmt',
  'DropRoleStmt',
  'DropdbStmt',
  'GrantRoleStmt',
  'ReassignOwnedStmt',
]);

const logins: Effect = { kind: 'logins' };
/** The same for what login event triggers do, which the login-time settings do not show. */
const loginTriggers: Effect = { kind: 'logins', ofTriggers: true };

/**
 * The effect of a statement on logins: it changes login-time settings, or needs a database or a role without
 * connections.
 */
export function readLoginStatement(type: string, node: TreeNode): readonly Effect[] {
  const text = (key: string): string => stringOf(node[key]) ?? '';
  switch (type) {
    case 'DropdbStmt': {
      const forces = optionsOf(node['options']).some(([name]) => name === 'force');
      return [logins, { kind: 'vacates', database: text('dbname'), forces }];
    }
    case 'CreatedbStmt': {
      const template = optionsOf(node['options']).find(([name]) => name === 'template');
      return [logins, { kind: 'vacates', database: template?.[1] ?? 'template1', forces: false }];
    }
    case 'AlterDatabaseStmt': {
      const moves = optionsOf(node['options']).some(([name]) => name === 'tablespace');
      if (!moves) return [logins];
      return [logins, { kind: 'vacates', database: text('dbname'), forces: false }];
    }
    case 'RenameStmt':
      if (node['renameType'] === 'OBJECT_DATABASE')
        return [logins, { kind: 'vacates', database: text('subname'), forces: false }];
      return node['renameType'] === 'OBJECT_ROLE' ? [logins] : [];
    case 'CreateEventTrigStmt':
    case 'AlterEventTrigStmt':
      return [loginTriggers];
    case 'DropStmt':
      return node['removeType'] === 'OBJECT_EVENT_TRIGGER' ? [loginTriggers] : [];
    case 'CreateFunctionStmt':
      return nameOfType(node['returnType']) === 'event_trigger' ? [loginTriggers] : [];
    case 'DropRoleStmt':
    case 'DropOwnedStmt':
    case 'ReassignOwnedStmt':
      return [
        logins,
        ...listOf(node['roles']).map((role): Effect => {
          const name = stringOf(nodeOf(nodeOf(role)['RoleSpec'])['rolename']) ?? '';
          return { kind: 'vacates', role: name };
        }),
      ];
    case 'GrantStmt':
      return node['objtype'] === 'OBJECT_DATABASE' ? [logins] : [];
    case 'AlterOwnerStmt':
      return node['objectType'] === 'OBJECT_DATABASE' ? [logins] : [];
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return loginRelations.has(stringOf(nodeOf(node['relation'])['relname']) ?? '')
        ? [logins]
        : [];
    default:
      return always.has(type) ? [logins] : [];
  }
}

/** The name of a type without its schema. */
function nameOfType(type: unknown): string | undefined {
  return stringOf(nodeOf(nodeOf(listOf(nodeOf(type)['names']).at(-1))['String'])['sval']);
}

/** The options of a statement, with those values that are words or strings. */
function optionsOf(list: unknown): (readonly [name: string, value: string | undefined])[] {
  return listOf(list).map((item) => {
    const option = nodeOf(nodeOf(item)['DefElem']);
    const argument = nodeOf(option['arg']);
    return [
      stringOf(option['defname']) ?? '',
      stringOf(nodeOf(argument['String'])['sval']) ??
        stringOf(nodeOf(listOf(nodeOf(argument['TypeName'])['names'])[0])['sval']) ??
        constantOf(argument),
    ];
  });
}
