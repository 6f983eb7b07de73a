import { readFileSync } from 'node:fs';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { settingsRule } from './auth-rule.ts';
import type { AuthRequest, AuthRule } from './auth-rule.ts';
import { readHbaFile, readIdentFile } from './hba-file.ts';
import { nameOrPattern } from './name-map.ts';
import type { NameMapLine } from './name-map.ts';

/** The rules about who may come in, and how, in their order. */
export class AuthRules {
  readonly #rules: readonly AuthRule[] | null;
  /** The maps of names that rules may use. */
  readonly nameMaps: readonly NameMapLine[];
  /** What a file says that cannot be honoured, a sentence each. */
  readonly warnings: readonly string[];

  /** Reads the files that settings name. Throws HBA_FILE when one of them, or a rule, cannot be understood. */
  constructor(settings: Settings) {
    const { ClientAuth, HbaFile, IdentFile, NameMaps } = settings;
    const own = ClientAuth.map((entry, index) =>
      understood(`ClientAuth[${index}]`, () => settingsRule(entry, index)),
    );
    const file =
      HbaFile === undefined
        ? null
        : understood(HbaFile, () => readHbaFile(readFileSync(HbaFile, 'utf8'), HbaFile));
    this.#rules = own.length === 0 && file === null ? null : [...own, ...(file?.rules ?? [])];
    this.nameMaps = [
      ...NameMaps.map((line, index) =>
        understood(`NameMaps[${index}]`, () => ({
          map: line.MapName,
          systemUser: nameOrPattern(line.SystemUserName),
          user: nameOrPattern(line.UserName),
        })),
      ),
      ...(IdentFile === undefined
        ? []
        : understood(IdentFile, () => readIdentFile(readFileSync(IdentFile, 'utf8')))),
    ];
    this.warnings = [
      ...own
        .filter(({ method }) => method === 'trust')
        .map(({ where }) => `${where}: matching clients are not authenticated (trust)`),
      ...(file?.warnings ?? []),
    ];
  }

  /** There are rules; otherwise everybody who is known comes in by password. */
  get any(): boolean {
    return this.#rules !== null;
  }

  /** Some rule wants a client certificate. */
  get wantsCertificates(): boolean {
    return (this.#rules ?? []).some(
      ({ method, options }) => method === 'cert' || options.ClientCert !== 'no',
    );
  }

  /** The rule that counts for a client; undefined when none fits. */
  find(request: AuthRequest): AuthRule | undefined {
    return this.#rules?.find((rule) => rule.fits(request));
  }
}

function understood<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ProxyError('HBA_FILE', { where, why: (error as Error).message }, error);
  }
}
