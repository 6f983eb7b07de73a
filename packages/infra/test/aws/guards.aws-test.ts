import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { DeleteStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeDBProxiesCommand } from '@aws-sdk/client-rds';
import { settle } from '../../src/apply/settle.ts';
import { runApply, runDestroy, runPlan } from '../../src/shell/index.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';
import { FakeAws } from './fake/fake-aws.ts';

/** A terminal with these lines as input. */
function terminal(...lines: readonly string[]): { readonly stdin: NodeJS.ReadableStream } {
  const stdin = new PassThrough();
  stdin.end(lines.map((line) => `${line}\n`).join(''));
  return { stdin: Object.assign(stdin, { isTTY: true }) };
}

const noTerminal = { stdin: Object.assign(new PassThrough().end(), { isTTY: false }) };

suite(
  'no deployed resource is changed or removed without consent',
  { skip: withoutEmulator },
  () => {
    let account: EmulatedAccount;
    let fake: FakeAws;
    let sluice: string;

    before(async () => {
      account = await startAccount();
      fake = await FakeAws.start(account.endpoint);
      process.env['AWS_ENDPOINT_URL'] = fake.endpoint;
      sluice = `${account.tfvars}engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName  = "orders-tls"
`;
    });

    beforeEach(async () => {
      await account.clients.cloudFormation.send(
        new DeleteStackCommand({ StackName: 'sluice-orders' }),
      );
    });

    afterEach(() => fake.reset());

    after(async () => {
      await fake.stop();
      await account.stop();
    });

    async function names(): Promise<string[]> {
      const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
      return DBProxies.map((proxy) => proxy.DBProxyName ?? '');
    }

    async function deploy(
      t: Parameters<typeof inputsFile>[0],
      text = account.tfvars,
    ): Promise<string> {
      const file = await inputsFile(t, text);
      const { code, err } = await runCommand(runApply, file, { autoApprove: true });
      assert.equal(code, 0, err);
      return file;
    }

    async function clientsConnected(count: number): Promise<void> {
      await account.clients.cloudWatch.send(
        new PutMetricDataCommand({
          Namespace: 'AWS/RDS',
          MetricData: [
            {
              MetricName: 'ClientConnections',
              Dimensions: [{ Name: 'ProxyName', Value: 'orders' }],
              // CloudWatch omits the current second.
              Timestamp: new Date(Date.now() - 60_000),
              Value: count,
            },
          ],
        }),
      );
    }

    test('apply shows the plan and, without a terminal and --auto-approve, changes nothing and exits with 1', async (t) => {
      const file = await inputsFile(t, account.tfvars);
      const { code, out, err } = await runCommand(runApply, file, {}, [], noTerminal);
      assert.equal(code, 1);
      assert.equal(out, '');
      assert.match(err, /\+ AWS::RDS::DBProxy/);
      assert.match(err, /Plan: 3 to add, 0 to change, 0 to replace, 0 to destroy\./);
      assert.match(err, /error: nothing was changed: there is no terminal/);
      assert.deepEqual(await names(), []);
      const { Stacks = [] } = await account.clients.cloudFormation.send(
        new DescribeStacksCommand({}),
      );
      assert.deepEqual(Stacks, [], 'not even a change set was made');
    });

    for (const answer of ['no', 'y', '', 'YES please']) {
      test(`at a terminal, "${answer}" is not yes`, async (t) => {
        const file = await inputsFile(t, account.tfvars);
        const { code, err } = await runCommand(runApply, file, {}, [], terminal(answer));
        assert.equal(code, 1);
        assert.match(err, /not approved: nothing was changed/);
        assert.deepEqual(await names(), []);
      });
    }

    test('at a terminal, "yes" is', async (t) => {
      const file = await inputsFile(t, account.tfvars);
      const { code, err } = await runCommand(runApply, file, {}, [], terminal('yes'));
      assert.equal(code, 0, err);
      assert.deepEqual(await names(), ['orders']);
    });

    for (const [what, change] of [
      ['another engine', (): string => sluice],
      [
        'another DBProxyName in the same stack',
        (): string => `${account.tfvars}DBProxyName = "orders-ro"\nStackName = "sluice-orders"\n`,
      ],
      ['an endpoint that is left out', (): string => account.tfvars],
    ] as const) {
      test(`${what} removes an endpoint: refused without --replace, whatever else is approved`, async (t) => {
        await deploy(
          t,
          what.startsWith('an endpoint')
            ? `${account.tfvars}DBProxyEndpoints = [{ DBProxyEndpointName = "orders-second" }]\n`
            : account.tfvars,
        );
        await clientsConnected(0);
        const file = await inputsFile(t, change());
        const refused = await runCommand(runApply, file, { autoApprove: true }, [], noTerminal);
        assert.equal(refused.code, 1, refused.err);
        assert.match(refused.err, /THIS REMOVES AN ENDPOINT THAT CLIENTS MAY USE/);
        assert.match(refused.err, /if you want that, use --replace/);
        assert.deepEqual(await names(), ['orders']);
        const wrong = await runCommand(runApply, file, {}, [], terminal('order'));
        assert.equal(wrong.code, 1);
        assert.match(wrong.err, /"order" is not the name of the proxy, orders/);
        const typed = await runCommand(runApply, file, {}, [], terminal('orders'));
        assert.equal(typed.code, 0, typed.err);
      });
    }

    test('while clients are connected an endpoint is not removed, unless --force disconnects them', async (t) => {
      await deploy(t);
      await clientsConnected(7);
      const file = await inputsFile(t, sluice);
      const asked = { autoApprove: true, replace: true };
      const refused = await runCommand(runApply, file, asked, [], noTerminal);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /7 clients were connected in the last five minutes/);
      assert.match(refused.err, /disconnected/);
      assert.deepEqual(await names(), ['orders']);
      const forced = await runCommand(runApply, file, { ...asked, force: true }, [], noTerminal);
      assert.equal(forced.code, 0, forced.err);
      assert.deepEqual(await names(), []);
    });

    for (const [what, play] of [
      ['has no value', (): void => undefined],
      ['may not be read', (): void => fake.fail('GetMetricStatistics', 'AccessDenied', 403)],
    ] as const) {
      test(`if CloudWatch ${what}, the number of clients is unknown and not zero`, async (t) => {
        const file = await deploy(t, `${account.tfvars}DBProxyName = "orders-new"\n`);
        play();
        const other = await inputsFile(t, `${sluice}DBProxyName = "orders-new"\n`);
        const asked = { autoApprove: true, replace: true };
        const applied = await runCommand(runApply, other, asked, [], noTerminal);
        assert.equal(applied.code, 1);
        assert.match(applied.err, /whether clients are connected is not known \(CloudWatch/);
        const destroyed = await runCommand(
          runDestroy,
          file,
          { confirm: 'orders-new' },
          [],
          noTerminal,
        );
        assert.equal(destroyed.code, 1);
        assert.match(destroyed.err, /whether clients are connected is not known/);
        assert.deepEqual(await names(), ['orders-new']);
        const forced = await runCommand(runDestroy, file, { confirm: 'orders-new', force: true });
        assert.equal(forced.code, 0, forced.err);
      });
    }

    test('apply asks for the engine if the inputs do not name one and another one is deployed', async (t) => {
      await deploy(t, sluice);
      const file = await inputsFile(t, sluice.replace('engine = "sluice"', ''));
      const planned = await runCommand(runPlan, file);
      assert.equal(planned.code, 1);
      assert.match(
        planned.out,
        /engine is not given, and sluice-orders is deployed with engine sluice/,
      );
      const all = { autoApprove: true, replace: true, force: true };
      const refused = await runCommand(runApply, file, all, [], noTerminal);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /add engine = "sluice" to keep it/);
      const kept = await runCommand(runApply, file, {}, [], terminal('sluice'));
      assert.equal(kept.code, 0, kept.err);
      assert.match(kept.err, /no changes/);
    });

    test('of two simultaneous applies one succeeds, and the other reports STACK_BUSY', async (t) => {
      const file = await inputsFile(t, account.tfvars);
      const ran = await Promise.all(
        [1, 2].map(async () => runCommand(runApply, file, { autoApprove: true, json: true })),
      );
      assert.deepEqual(
        ran.map(({ code }) => code).toSorted((a, b) => a - b),
        [0, 1],
        ran.map(({ err }) => err).join('\n'),
      );
      const lost = ran.find(({ code }) => code === 1);
      const document = JSON.parse(lost?.out ?? '') as { error: { code: string } };
      assert.equal(document.error.code, 'STACK_BUSY');
      assert.deepEqual(await names(), ['orders']);
    });

    test('a busy stack is STACK_BUSY for apply and destroy, unless they have --wait', async (t) => {
      const file = await deploy(t);
      for (const [run, options] of [
        [runApply, { autoApprove: true }],
        [runDestroy, { confirm: 'orders', force: true }],
      ] as const) {
        fake.busy('UPDATE_IN_PROGRESS', 3);
        const { code, out } = await runCommand(run, file, { ...options, json: true });
        assert.equal(code, 1);
        assert.match(out, /"STACK_BUSY"/);
        assert.match(out, /--wait/);
        fake.reset();
      }
      fake.busy('UPDATE_IN_PROGRESS', 2);
      const waited = await runCommand(runApply, file, { autoApprove: true, wait: true });
      assert.equal(waited.code, 0, waited.err);
    });

    test('DeploymentTimeout ends the wait; CloudFormation continues', async (t) => {
      const changed = await inputsFile(
        t,
        `${account.tfvars}DeploymentTimeout = 1\nIdleClientTimeout = 60\n`,
      );
      await deploy(t);
      for (const [run, hanging, options] of [
        [runApply, 'ExecuteChangeSet', { autoApprove: true }],
        [runDestroy, 'DeleteStack', { confirm: 'orders', force: true }],
      ] as const) {
        fake.hang(hanging);
        const { code, out } = await runCommand(run, changed, { ...options, json: true });
        assert.equal(code, 1);
        assert.match(out, /"TIMED_OUT"/);
        assert.match(out, /not finished after 1 s \(DeploymentTimeout\).*--wait/);
        assert.ok(fake.calls.includes(hanging), 'it had begun');
        fake.reset();
        await settle(account.clients, 'sluice-orders', () => undefined, 10);
      }
    });

    test('--wait waits no longer than DeploymentTimeout', async (t) => {
      await deploy(t);
      const file = await inputsFile(t, `${account.tfvars}DeploymentTimeout = 1\n`);
      fake.busy('UPDATE_IN_PROGRESS', Infinity);
      const { code, out } = await runCommand(runApply, file, {
        autoApprove: true,
        wait: true,
        json: true,
      });
      assert.equal(code, 1);
      assert.match(out, /"TIMED_OUT"/);
    });

    test('TargetTimeout ends the wait for targets after CloudFormation has finished', async (t) => {
      await deploy(t);
      const changed = await inputsFile(
        t,
        `${account.tfvars}TargetTimeout = 0\nIdleClientTimeout = 61\n`,
      );
      fake.targetHealth('UNAVAILABLE', 'UNREACHABLE');
      const began = performance.now();
      const { code, err } = await runCommand(runApply, changed, { autoApprove: true });
      assert.equal(code, 0, err);
      assert.match(err, /still not available: target orders is UNAVAILABLE \(UNREACHABLE\)/);
      assert.ok(performance.now() - began < 50_000, 'less than the minute that is the default');
    });

    test('apply notices a deployment since the plan', async (t) => {
      await deploy(t);
      const changed = await inputsFile(t, `${account.tfvars}IdleClientTimeout = 60\n`);
      const stdin = new PassThrough();
      const asked = Promise.withResolvers<undefined>();
      const answering = runCommand(runApply, changed, {}, [], {
        stdin: Object.assign(stdin, { isTTY: true }),
        written: (text) => {
          if (text.includes('apply this?')) {
            asked.resolve(undefined);
          }
        },
      });
      await asked.promise;
      // Another user deploys while the question is open.
      await deploy(t, `${account.tfvars}IdleClientTimeout = 90\n`);
      stdin.end('yes\n');
      const { code, err } = await answering;
      assert.equal(code, 1, err);
      assert.match(err, /somebody else has deployed since the plan was made|another deployment/);
    });

    test('an apply that ends without an endpoint has failed', async (t) => {
      const file = await inputsFile(t, account.tfvars);
      fake.endpointAt('');
      const { code, err } = await runCommand(runApply, file, { autoApprove: true });
      assert.equal(code, 1);
      assert.match(err, /sluice-orders has no endpoint after the apply/);
    });

    test('destroy succeeds if nothing is deployed, also with --json', async (t) => {
      const file = await inputsFile(t, account.tfvars);
      const plain = await runCommand(runDestroy, file);
      assert.equal(plain.code, 0);
      assert.match(plain.out, /nothing was removed/);
      const json = await runCommand(runDestroy, file, { json: true });
      assert.equal(json.code, 0);
      assert.deepEqual(JSON.parse(json.out), { version: 1, removed: [] });
    });

    test('logs are kept without --delete-logs, and the next apply continues them', async (t) => {
      const groups = async (): Promise<string[]> => {
        const answer = await account.clients.logs.send(
          new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/rds/proxy/orders' }),
        );
        return (answer.logGroups ?? []).map((group) => group.logGroupName ?? '');
      };
      const file = await deploy(t);
      const kept = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
      assert.match(kept.err, /keeps +the log group \/aws\/rds\/proxy\/orders and its logs/);
      assert.ok((await groups()).includes('/aws/rds/proxy/orders'));
      await deploy(t);
      const removed = await runCommand(runDestroy, file, {
        confirm: 'orders',
        force: true,
        deleteLogs: true,
      });
      assert.equal(removed.code, 0, removed.err);
      assert.match(removed.err, /remove +the log group \/aws\/rds\/proxy\/orders AND ITS LOGS/);
      assert.ok(!(await groups()).includes('/aws/rds/proxy/orders'));
    });

    test('only its owner can read a saved plan, and it is no consent to remove an endpoint', async (t) => {
      await deploy(t);
      await clientsConnected(0);
      const file = await inputsFile(t, sluice);
      const saved = `${file}.plan.json`;
      assert.equal((await runCommand(runPlan, file, { save: saved })).code, 0);
      assert.equal((await stat(saved)).mode & 0o777, 0o600);
      const refused = await runCommand(runApply, undefined, { force: true }, [saved], noTerminal);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /use --replace/);
      const applied = await runCommand(
        runApply,
        undefined,
        { replace: true, force: true },
        [saved],
        noTerminal,
      );
      assert.equal(applied.code, 0, applied.err);
    });
  },
);
