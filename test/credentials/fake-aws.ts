import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A user name and password in the format of RDS secrets. */
export interface SecretLogin {
  readonly username: string;
  readonly password: string;
}

/**
 * The AWS actions that the proxy uses, on this machine: GetSecretValue of Secrets Manager, and GetCallerIdentity of
 * STS, which accepts a request with the right signature. `npm run test:aws` imitates the real services.
 */
export class FakeAws {
  readonly secrets = new Map<string, SecretLogin>();
  /** The identity that has signed a request, by signature. */
  readonly callers = new Map<string, string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const [status, body] =
        request.method === 'POST' ? this.#secretValue(request) : this.#callerIdentity(request);
      if (typeof body === 'string') {
        response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
        return;
      }
      void readBody(request).then((text) => {
        const [code, answer] = body(JSON.parse(text) as Record<string, string>);
        response.writeHead(code, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(answer));
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The variables that the proxy's SDK reads. */
  get environment(): Readonly<Record<string, string>> {
    return {
      AWS_ACCESS_KEY_ID: 'testing',
      AWS_SECRET_ACCESS_KEY: 'testing',
      AWS_REGION: 'eu-west-3',
      AWS_ENDPOINT_URL: this.url,
    };
  }

  #secretValue(request: IncomingMessage): Answer {
    if (request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue')
      return [400, 'not known here'];
    return [
      200,
      ({ SecretId = '', VersionStage = 'AWSCURRENT' }) => {
        const login = VersionStage === 'AWSCURRENT' ? this.secrets.get(SecretId) : undefined;
        return login === undefined
          ? [400, { __type: 'ResourceNotFoundException', message: 'there is none' }]
          : [200, { VersionId: 'one', SecretString: JSON.stringify(login), CreatedDate: 1 }];
      },
    ];
  }

  #callerIdentity(request: IncomingMessage): Answer {
    const { searchParams } = new URL(request.url ?? '', 'http://sts');
    const arn = this.callers.get(searchParams.get('X-Amz-Signature') ?? '');
    return arn === undefined
      ? [403, '<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>']
      : [200, `<GetCallerIdentityResponse><Arn>${arn}</Arn></GetCallerIdentityResponse>`];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

type Answer = readonly [
  status: number,
  body: string | ((request: Record<string, string>) => readonly [number, unknown]),
];

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
