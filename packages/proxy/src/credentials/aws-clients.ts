/** The part of the AWS SDK for calling one service. */
interface Service {
  readonly client: { destroy(): void };
}

/** The clients of one AWS service: one per region, created on first use. */
export class AwsClients<S extends Service> {
  readonly #open: (config: { readonly region?: string }) => Promise<S>;
  readonly #services = new Map<string, Promise<S>>();

  /** `open` loads the AWS SDK; without a region, AWS_REGION or the profile determine it. */
  constructor(open: (config: { readonly region?: string }) => Promise<S>) {
    this.#open = open;
  }

  /** The client for the region in an ARN, `arn:aws:SERVICE:REGION:ACCOUNT:…`; a name contains none. */
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
