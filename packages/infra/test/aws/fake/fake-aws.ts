import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

type Rule = (forward: () => Promise<Answer>, parameters: URLSearchParams) => Promise<Answer>;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A proxy in front of the emulator that adds what the emulator lacks; see fake-aws.md. */
export class FakeAws {
  readonly #upstream: string;
  readonly #server: Server;
  readonly #rules = new Map<string, Rule>();
  /** The simulations requested from IAM since `simulation` was set. */
  readonly simulated: {
    readonly source: string;
    readonly actions: readonly string[];
    readonly resources: readonly string[];
  }[] = [];
  /** The parameters of the last call of each action. */
  readonly parameters = new Map<string, URLSearchParams>();
  /** The access keys that calls were signed with. */
  readonly accessKeys = new Set<string>();
  /** Releases the calls that are not answered. */
  readonly #held: (() => void)[] = [];
  /** The called actions, in order. */
  readonly calls: string[] = [];

  static async start(upstream: string): Promise<FakeAws> {
    const fake = new FakeAws(upstream);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  private constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) {
      throw new TypeError('the fake does not listen');
    }
    return `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** Removes all rules. */
  reset(): void {
    this.#rules.clear();
    this.calls.length = 0;
    this.parameters.clear();
    this.accessKeys.clear();
    this.#held.splice(0).forEach((release) => release());
  }

  fail(action: string, code: string, status: number, times = Infinity): void {
    let left = times;
    this.#rules.set(action, async (forward) => {
      left -= 1;
      return left < 0 ? forward() : failure(code, status);
    });
  }

  targetHealth(state: string, reason: string): void {
    this.#rules.set('DescribeDBProxyTargets', async (forward) =>
      edited(
        await forward(),
        /<TargetHealth>.*?<\/TargetHealth>/gs,
        `<TargetHealth><State>${state}</State><Reason>${reason}</Reason></TargetHealth>`,
      ),
    );
  }

  proxyStatus(status: string): void {
    this.#rules.set('DescribeDBProxies', async (forward) =>
      edited(await forward(), /<Status>.*?<\/Status>/gs, `<Status>${status}</Status>`),
    );
  }

  /** The host that RDS returns for every database. */
  databaseAt(host: string, port: number): void {
    this.#rules.set('DescribeDBInstances', async (forward) =>
      edited(
        await forward(),
        /<Endpoint>.*?<\/Endpoint>/gs,
        `<Endpoint><Address>${host}</Address><Port>${port}</Port></Endpoint>`,
      ),
    );
  }

  /** The endpoint in the outputs of every stack. */
  endpointAt(endpoint: string): void {
    this.#rules.set('DescribeStacks', async (forward) =>
      edited(
        await forward(),
        /(<OutputKey>RdsProxyEndpoint<\/OutputKey>\s*<OutputValue>)[^<]*/g,
        `$1${endpoint}`,
      ),
    );
  }

  /** Who the caller is. */
  caller(arn: string): void {
    this.#rules.set('GetCallerIdentity', async (forward) =>
      edited(await forward(), /<Arn>.*?<\/Arn>/gs, `<Arn>${arn}</Arn>`),
    );
  }

  /** What IAM answers to simulations: it allows everything except these actions. */
  simulation(denied: readonly string[]): void {
    this.simulated.length = 0;
    this.#rules.set('SimulatePrincipalPolicy', (_forward, parameters) => {
      const values = (prefix: string): string[] =>
        [...parameters].filter(([name]) => name.startsWith(prefix)).map(([, value]) => value);
      this.simulated.push({
        source: parameters.get('PolicySourceArn') ?? '',
        actions: values('ActionNames.member.'),
        resources: values('ResourceArns.member.'),
      });
      const results = [...parameters]
        .filter(([name]) => name.startsWith('ActionNames.member.'))
        .map(
          ([, action]) =>
            `<member><EvalActionName>${action}</EvalActionName><EvalDecision>${denied.includes(action) ? 'implicitDeny' : 'allowed'}</EvalDecision></member>`,
        );
      return Promise.resolve(
        ok(
          `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><EvaluationResults>${results.join('')}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`,
        ),
      );
    });
  }

  busy(status: string, looks: number): void {
    let left = looks;
    this.#rules.set('DescribeStacks', async (forward) => {
      left -= 1;
      const answer = await forward();
      return left < 0 ? answer : withStatus(answer, status);
    });
  }

  /** This call is not answered until the next reset. */
  hang(action: string): void {
    this.#rules.set(action, async (forward) => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      this.#held.push(() => resolve(undefined));
      await promise;
      return forward();
    });
  }

  /** Termination protection, which the emulator lacks: it is stored here and returned with each stack. */
  protection(): void {
    let on = false;
    this.#rules.set('UpdateTerminationProtection', (_forward, parameters) => {
      on = parameters.get('EnableTerminationProtection') === 'true';
      return Promise.resolve(
        ok(
          '<UpdateTerminationProtectionResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><UpdateTerminationProtectionResult/></UpdateTerminationProtectionResponse>',
        ),
      );
    });
    const detail = (): string => `<EnableTerminationProtection>${on}</EnableTerminationProtection>`;
    this.#rules.set('DescribeStacks', async (forward) => {
      const answer = await forward();
      const known = /<EnableTerminationProtection>.*?<\/EnableTerminationProtection>/g;
      return known.test(answer.body)
        ? edited(answer, known, detail())
        : edited(answer, /(?=<StackStatus>)/g, detail());
    });
  }

  /** The next change set that is executed fails at this resource and is rolled back. */
  rollBack(stack: string, type: string, id: string, reason: string, looks = 2): void {
    this.#rules.set('ExecuteChangeSet', async () => {
      const created = await this.#status(stack);
      const prefix = created === 'REVIEW_IN_PROGRESS' ? '' : 'UPDATE_';
      let left = looks;
      this.#rules.set('DescribeStacks', async (forward) => {
        left -= 1;
        return withStatus(
          await forward(),
          left < 0 ? `${prefix}ROLLBACK_COMPLETE` : `${prefix}ROLLBACK_IN_PROGRESS`,
        );
      });
      const began = prefix === '' ? 'CREATE' : 'UPDATE';
      const events = [
        event(stack, 'AWS::CloudFormation::Stack', stack, `${began}_IN_PROGRESS`, 'User Initiated'),
        event(stack, type, id, `${began}_IN_PROGRESS`),
        event(stack, type, id, `${began}_FAILED`, reason),
        event(
          stack,
          'AWS::CloudFormation::Stack',
          stack,
          `${prefix}ROLLBACK_IN_PROGRESS`,
          `The following resource(s) failed: [${id}].`,
        ),
        event(stack, type, id, 'DELETE_COMPLETE'),
        event(stack, 'AWS::CloudFormation::Stack', stack, `${prefix}ROLLBACK_COMPLETE`),
      ];
      this.#rules.set('DescribeStackEvents', () =>
        Promise.resolve(
          ok(
            `<DescribeStackEventsResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStackEventsResult><StackEvents>${events.toReversed().join('')}</StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>`,
          ),
        ),
      );
      return ok(
        '<ExecuteChangeSetResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><ExecuteChangeSetResult/></ExecuteChangeSetResponse>',
      );
    });
    this.#rules.set('DeleteStack', async (forward) => {
      this.reset();
      return forward();
    });
  }

  async #status(stack: string): Promise<string | undefined> {
    const answer = await this.#forward(
      'POST',
      '/',
      {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: credential,
      },
      `Action=DescribeStacks&Version=2010-05-15&StackName=${stack}`,
    );
    return /<StackStatus>(\w+)</.exec(answer.body)?.[1];
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const target = String(request.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1);
    const parameters = new URLSearchParams(body);
    const action = parameters.get('Action') ?? target ?? '';
    this.calls.push(action);
    this.parameters.set(action, parameters);
    const [, key] = /Credential=([^/]+)/.exec(request.headers.authorization ?? '') ?? [];
    if (key !== undefined) {
      this.accessKeys.add(key);
    }
    const forward = (): Promise<Answer> =>
      this.#forward(request.method ?? 'POST', request.url ?? '/', request.headers, body);
    const rule = this.#rules.get(action);
    const answer = await (rule === undefined ? forward() : rule(forward, parameters));
    response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
  }

  async #forward(
    method: string,
    path: string,
    headers: IncomingMessage['headers'],
    body: string,
  ): Promise<Answer> {
    const kept = Object.entries(headers).filter(
      ([name]) => !['host', 'connection', 'content-length', 'expect'].includes(name),
    );
    const answer = await fetch(`${this.#upstream}${path}`, {
      method,
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      ...(body === '' ? {} : { body }),
    });
    return {
      status: answer.status,
      type: answer.headers.get('content-type') ?? 'text/xml',
      body: await answer.text(),
    };
  }
}

const credential =
  'AWS4-HMAC-SHA256 Credential=testing/20261101/eu-central-1/cloudformation/aws4_request, SignedHeaders=host, Signature=0';

function ok(body: string): Answer {
  return { status: 200, type: 'text/xml', body };
}

function failure(code: string, status: number): Answer {
  return {
    status,
    type: 'text/xml',
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>played by the fake: ${code}</Message></Error><RequestId>0</RequestId></ErrorResponse>`,
  };
}

function edited(answer: Answer, what: RegExp, by: string): Answer {
  return { ...answer, body: answer.body.replaceAll(what, by) };
}

function withStatus(answer: Answer, status: string): Answer {
  return edited(answer, /<StackStatus>\w+<\/StackStatus>/g, `<StackStatus>${status}</StackStatus>`);
}

let events = 0;

function event(stack: string, type: string, id: string, status: string, reason?: string): string {
  events += 1;
  // The toolkit distinguishes old events from new ones by their time.
  const time = new Date(Date.now() + 1000 + events).toISOString();
  const stackId = `arn:aws:cloudformation:eu-central-1:123456789012:stack/${stack}/1`;
  // An event of the stack itself has the stack's own id; with another id it would belong to a nested stack.
  const physical = type === 'AWS::CloudFormation::Stack' ? stackId : id;
  const why = reason === undefined ? '' : `<ResourceStatusReason>${reason}</ResourceStatusReason>`;
  return `<member><EventId>fake-${events}</EventId><StackId>${stackId}</StackId><StackName>${stack}</StackName><LogicalResourceId>${id}</LogicalResourceId><PhysicalResourceId>${physical}</PhysicalResourceId><ResourceType>${type}</ResourceType><ResourceStatus>${status}</ResourceStatus>${why}<Timestamp>${time}</Timestamp></member>`;
}
