/** What is needed of the AWS SDK to call one service. */
interface Service {
  readonly client: { destroy(): void };
}

/** The clients of one AWS service: one for each region, opened when it is first needed. */
export class AwsClients<S extends Service> {
  readonly #open: (config: { readonly region?: string }) => Promise<S>;
  readonly #services = new Map<string, Promise<S>>();

  /** `open` loads the AWS SDK; without a region, AWS_REGION or the profile say it. */
  constructor(open: (config: { readonly region?: string }) => Promise<S>) {
    this.#open = open;
  }

  /** The client in the region that an ARN says, `arn:aws:SERVICE:REGION:ACCOUNT:…`; a name says none. */
  for(id: string): Promise<S> {
    const region = /^arn:[^:]+:[^:]+:([^:]+):/.exec(id)?.[1];
    const key = region ?? '';
    let service = this.#services.get(key);
    if (service === undefined) {
      service = this.#open(region === undefined ? {} : { region });
      this.#services.set(key, service);
    }
    return service;
  }

  /** Closes the connections to AWS. */
  close(): void {
    for (const service of this.#services.values()) {
      service.then(
        ({ client }) => client.destroy(),
        () => undefined,
      );
    }
    this.#services.clear();
  }
}
