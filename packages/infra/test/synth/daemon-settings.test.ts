import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { loadSettings, type Settings } from '@sluice/proxy/settings';
import { makeCertificate } from '@sluice/testkit';
import { takeSecrets } from '../../../cli/src/container/take-secrets.ts';
import { designOf } from '../../src/actions/design.ts';
import { violations } from '../../src/security/report.ts';
import { Template } from '../../src/resolve/template.ts';
import { environmentOf } from '../../src/security/service-environment.ts';
import { inputsWith, resolvedWith, secretArn, sluiceInputs } from '../subject.ts';

suite('the settings with which tasks of engine sluice start', () => {
  /** The daemon's settings in a task with these inputs, as the entry point of the image creates them. */
  async function settingsFor(
    t: { after(clean: () => Promise<void>): void },
    inputs: Readonly<Record<string, unknown>>,
  ): Promise<Settings> {
    const design = designOf(
      inputsWith({ ...sluiceInputs, ...inputs }),
      resolvedWith(),
      undefined,
      false,
    );
    assert.deepEqual(violations(design.security), []);
    const [task] = environmentOf(new Template(design.synthesized.template));
    assert.ok(task);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-task-'));
    t.after(async () => rm(folder, { recursive: true }));
    const { cert, key } = await makeCertificate();
    const environment: NodeJS.ProcessEnv = {
      ...task.values,
      SLUICE_RUN_FOLDER: folder,
      TLS_CERTIFICATE: cert,
      TLS_PRIVATE_KEY: key,
    };
    const file = takeSecrets(environment);
    assert.equal(environment['SETTINGS_JSON'], undefined);
    return loadSettings(file, environment);
  }

  test('passwords: the secret, SCRAM, no tokens', async (t) => {
    const { Auth, ClientAuth, TargetIamAuth } = await settingsFor(t, {});
    const [entry] = Auth;
    assert.equal(entry?.SecretArn, secretArn);
    assert.equal(entry.IAMAuth, 'DISABLED');
    assert.equal(entry.ClientPasswordAuthType, 'POSTGRES_SCRAM_SHA_256');
    assert.deepEqual([ClientAuth.length, TargetIamAuth], [0, false]);
  });

  test('clients use MD5 if the inputs say so, as with RDS Proxy', async (t) => {
    const { Auth } = await settingsFor(t, { ClientPasswordAuthType: 'POSTGRES_MD5' });
    assert.equal(Auth[0]?.ClientPasswordAuthType, 'POSTGRES_MD5');
  });

  test('IAMAuth: tokens from the clients, and for the database', async (t) => {
    const { Auth, TargetIamAuth, TargetTlsMode } = await settingsFor(t, { IAMAuth: 'REQUIRED' });
    assert.equal(Auth[0]?.IAMAuth, 'REQUIRED');
    assert.deepEqual([TargetIamAuth, TargetTlsMode], [true, 'verify-full']);
  });

  test('IAM_AUTH: tokens for clients and database, without a secret', async (t) => {
    const { Auth, ClientAuth, TargetIamAuth } = await settingsFor(t, {
      DefaultAuthScheme: 'IAM_AUTH',
      rds_secret_name: undefined,
      SluiceSettings: { HealthCheckUser: 'health' },
    });
    assert.deepEqual(Auth, []);
    assert.deepEqual(
      ClientAuth.map(({ Type, Method }) => [Type, Method]),
      [['hostssl', 'iam']],
    );
    assert.equal(TargetIamAuth, true);
  });
});
