import { readFileSync } from 'node:fs';
import { errorText } from '../settings/error-text.ts';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { listensOnSocket } from '../settings/rules.ts';
import { settingsRule } from './auth-rule.ts';
import type { AuthRequest, AuthRule } from './auth-rule.ts';
import { readHbaFile, readIdentFile } from './hba-file.ts';
import { nameOrPattern } from './name-map.ts';
import type { NameMapLine } from './name-map.ts';

/** The authentication rules, in order. */
export class AuthRules {
  readonly #rules: readonly AuthRule[] | null;
  /** The user name maps for the rules. */
  readonly nameMaps: readonly NameMapLine[];
  /** One sentence for each unsupported line of a file. */
  readonly warnings: readonly string[];

  /** Reads the files in the settings. Throws HBA_FILE if one of them, or a rule, is invalid. */
  constructor(settings: Settings) {
    const { ClientAuth, HbaFile, IdentFile, NameMaps } = settings;
    const own = ClientAuth.map((entry, index) =>
      understood(`ClientAuth[${index}]`, () => settingsRule(entry, index)),
    );
    const file =
      HbaFile === undefined
        ? null
        : understood(HbaFile, () =>
            readHbaFile(readFileSync(HbaFile, 'utf8'), HbaFile, listensOnSocket(settings)),
          );
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

  /** There are rules; otherwise every known user authenticates with a password. */
  get any(): boolean {
    return this.#rules !== null;
  }

  /** A rule requires a client certificate. */
  get wantsCertificates(): boolean {
    return (this.#rules ?? []).some(
      ({ method, options }) => method === 'cert' || options.ClientCert !== 'no',
    );
  }

  /** The first matching rule for a client; undefined if none matches. */
  find(request: AuthRequest): AuthRule | undefined {
    return this.#rules?.find((rule) => rule.fits(request));
  }
}

function understood<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ProxyError('HBA_FILE', { where, why: errorText(error) }, error);
  }
}
