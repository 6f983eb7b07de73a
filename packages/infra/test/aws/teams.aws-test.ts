import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import {
  CreateDBProxyCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyTargetGroupsCommand,
  ModifyDBProxyTargetGroupCommand,
  RegisterDBProxyTargetsCommand,
} from '@aws-sdk/client-rds';
import {
  runAdopt,
  runApply,
  runCheck,
  runDestroy,
  runDrift,
  runOutputs,
  runPlan,
} from '../../src/shell/index.ts';
import { runSynth } from '../../src/shell/run-synth.ts';
import { accountId, region, startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

const noTerminal = { stdin: Object.assign(new PassThrough().end(), { isTTY: false }) };

suite('features for teams', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;

  before(async () => {
    account = await startAccount();
  });

  after(async () => {
    await account.stop();
  });

  async function proxy(name: string): Promise<{ endpoint?: string; tls?: boolean } | undefined> {
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    const found = DBProxies.find((one) => one.DBProxyName === name);
    return found === undefined
      ? undefined
      : { endpoint: found.Endpoint ?? '', tls: found.RequireTLS ?? false };
  }

  test('a proxy that Terraform created is adopted in place, changed, and released again', async (t) => {
    const { rds } = account.clients;
    await rds.send(
      new CreateDBProxyCommand({
        DBProxyName: 'legacy',
        EngineFamily: 'POSTGRESQL',
        RoleArn: account.roleArn,
        VpcSubnetIds: account.subnetIds.slice(0, 2).toSorted(),
        VpcSecurityGroupIds: [account.proxyGroupId],
        RequireTLS: true,
        IdleClientTimeout: 1800,
        Auth: [{ AuthScheme: 'SECRETS', SecretArn: account.secretArn, IAMAuth: 'DISABLED' }],
      }),
    );
    await rds.send(
      new RegisterDBProxyTargetsCommand({
        DBProxyName: 'legacy',
        TargetGroupName: 'default',
        DBInstanceIdentifiers: ['orders'],
      }),
    );
    await rds.send(
      new ModifyDBProxyTargetGroupCommand({
        DBProxyName: 'legacy',
        TargetGroupName: 'default',
        ConnectionPoolConfig: { MaxConnectionsPercent: 40, MaxIdleConnectionsPercent: 20 },
      }),
    );
    const before = await proxy('legacy');
    const file = await inputsFile(t, `${account.tfvars}DBProxyName = "legacy"\n`);
    const plain = await runCommand(runPlan, file);
    assert.match(plain.out, /✗ PF14 .*legacy exists/);
    const unasked = await runCommand(runAdopt, file, {}, [], noTerminal);
    assert.equal(unasked.code, 1);
    assert.match(unasked.err, /not approved: nothing was changed/);
    assert.match(
      unasked.err,
      /DBProxyTargetGroup \S+: .*40.* -> .*100/,
      'what will change is shown',
    );
    assert.match(unasked.err, /AWS::Logs::LogGroup is created/);
    assert.doesNotMatch(unasked.err, /AWS::RDS::DBProxy RequireTLS/);

    const adopted = await runCommand(runAdopt, file, { autoApprove: true });
    assert.equal(adopted.code, 0, adopted.err);
    assert.match(adopted.out, new RegExp(`rds_proxy_endpoint = "${before?.endpoint}"`));
    assert.deepEqual(await proxy('legacy'), before, 'the endpoint is the same one');
    const pool = async (): Promise<number | undefined> => {
      const { TargetGroups } = await rds.send(
        new DescribeDBProxyTargetGroupsCommand({ DBProxyName: 'legacy' }),
      );
      return TargetGroups?.[0]?.ConnectionPoolConfig?.MaxConnectionsPercent;
    };
    assert.equal(await pool(), 100, 'the target group is as the inputs want it');
    assert.equal((await runCommand(runDrift, file, { detailedExitcode: true })).code, 0);
    const settled = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(settled.code, 0, settled.out);

    const changed = await inputsFile(
      t,
      `${account.tfvars}DBProxyName = "legacy"\nMaxConnectionsPercent = 60\nIdleClientTimeout = 90\n`,
    );
    const applied = await runCommand(runApply, changed, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    assert.equal(await pool(), 60, 'a change of the target group goes by the RDS API');
    assert.equal((await proxy('legacy'))?.endpoint, before?.endpoint);

    const released = await runCommand(runDestroy, changed, { confirm: 'legacy' });
    assert.equal(released.code, 0, released.err);
    assert.match(released.err, /deletes only the stack of legacy: every resource stays/);
    assert.equal((await proxy('legacy'))?.endpoint, before?.endpoint, 'the way back');
    assert.equal((await runCommand(runOutputs, changed)).code, 1);
  });

  test('check runs only the preflight, on inputs and on a Terraform plan', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const inputs = await runCommand(runCheck, file, { json: true });
    assert.equal(inputs.code, 0, inputs.out);
    const { checks } = JSON.parse(inputs.out) as { checks: { code: string }[] };
    assert.ok(checks.some(({ code }) => code === 'PF07'));
    assert.ok(!checks.some(({ code }) => code === 'PF19'), 'there is no stack to judge');
    const planned = (instance: string): string =>
      JSON.stringify({
        format_version: '1.2',
        planned_values: {
          root_module: {
            child_modules: [
              {
                resources: [
                  {
                    address: 'module.proxy.aws_db_proxy.this',
                    type: 'aws_db_proxy',
                    values: {
                      name: 'planned',
                      role_arn: account.roleArn,
                      vpc_subnet_ids: account.subnetIds.slice(0, 2),
                      vpc_security_group_ids: [account.proxyGroupId],
                      require_tls: true,
                      idle_client_timeout: 600,
                      auth: [
                        {
                          auth_scheme: 'SECRETS',
                          secret_arn: account.secretArn,
                          iam_auth: 'DISABLED',
                        },
                      ],
                    },
                  },
                  {
                    address: 'module.proxy.aws_db_proxy_target.this',
                    type: 'aws_db_proxy_target',
                    values: { db_proxy_name: 'planned', db_instance_identifier: instance },
                  },
                ],
              },
            ],
          },
        },
      });
    const flags = [
      ['aws_account_id', accountId],
      ['aws_region', region],
      ['vpc_id', account.vpcId],
    ].map(([name, value], order) => ({ order, name, value, flag: `--var ${name}` }));
    const good = await inputsFile(t, planned('orders'), 'tfplan.json');
    const passed = await runCommand(runCheck, undefined, { plan: good, var: flags });
    assert.equal(passed.code, 0, passed.out + passed.err);
    const bad = await inputsFile(t, planned('ordrs'), 'tfplan.json');
    const failed = await runCommand(runCheck, undefined, { plan: bad, var: flags });
    assert.equal(failed.code, 1);
    assert.match(failed.out, /✗ PF02 .*no instance ordrs/);
  });

  test('several proxies in one file: each has its own stack, and all share one document', async (t) => {
    const file = await inputsFile(
      t,
      `${account.tfvars}MaxConnectionsPercent = 30
OutputParameterPrefix = "/orders/proxy"
proxies = {
  writes  = { DBProxyName = "orders-writes" }
  reports = { DBProxyName = "orders-reports", IdleClientTimeout = 60, OutputParameterPrefix = "/reports/proxy" }
}
`,
    );
    const { code, out, err } = await runCommand(runApply, file, { autoApprove: true, json: true });
    assert.equal(code, 0, err);
    const { proxies } = JSON.parse(out) as {
      proxies: Record<string, { outputs: Record<string, string> }>;
    };
    assert.deepEqual(Object.keys(proxies), ['writes', 'reports']);
    assert.match(proxies['reports']?.outputs['rds_proxy_endpoint'] ?? '', /^orders-reports\./);
    const one = await runCommand(runOutputs, file, { only: 'writes' });
    assert.match(one.out, /rds_proxy_endpoint = "orders-writes\./);
    const unknown = await runCommand(runOutputs, file, { only: 'write' });
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /there is no proxy write; proxies has writes, reports/);

    const more = await readFile(file, 'utf8');
    await writeFile(file, more.replace('IdleClientTimeout = 60', 'IdleClientTimeout = 61'));
    const saved = join(dirname(file), 'plan.json');
    const both = await runCommand(runPlan, file, { save: saved });
    assert.equal(both.code, 1);
    assert.match(
      both.err,
      /--save is for one proxy, and the inputs have writes, reports; .*--only/,
    );
    const sarif = join(dirname(file), 'plan.sarif');
    const planned = await runCommand(runPlan, file, { sarif, detailedExitcode: true });
    assert.equal(planned.code, 2, planned.err);
    const { runs } = JSON.parse(await readFile(sarif, 'utf8')) as {
      runs: { results: { ruleId: string }[] }[];
    };
    assert.equal(runs.length, 1, 'one run, with the findings of both');
    const logs = 'NIST.800.53.R5-CloudWatchLogGroupEncrypted';
    assert.equal(runs[0]?.results.filter(({ ruleId }) => ruleId === logs).length, 2);
    assert.equal((await runCommand(runPlan, file, { save: saved, only: 'reports' })).code, 0);
    assert.equal((await runCommand(runSynth, file)).code, 1);
    const template = await runCommand(runSynth, file, { only: 'reports' });
    assert.match(template.out, /^\{[^]*"IdleClientTimeout": 61/);

    // Even where the inputs of both are found automatically, a saved plan is for one of them.
    const here = process.cwd();
    t.after(() => process.chdir(here));
    process.chdir(dirname(file));
    const applied = await runCommand(runApply, undefined, { json: true }, [saved]);
    assert.equal(applied.code, 0, applied.out + applied.err);
    const document = JSON.parse(applied.out) as { changed: boolean };
    assert.equal(document.changed, true);
  });
});
