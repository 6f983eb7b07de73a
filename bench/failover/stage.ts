import { TestkitStage } from '@sluice/prove/stage';
import { Client } from 'pg';

/** The common environment of all rounds: the stage, a network in front of each server, and idle clients of Sluice. */
export class Stage {
  readonly lab: TestkitStage;
  readonly #idle: Client[] = [];
  /** Errors of idle clients; there must be none. */
  idleErrors = 0;

  private constructor(lab: TestkitStage) {
    this.lab = lab;
  }

  static async start(idle: number): Promise<Stage> {
    const lab = await TestkitStage.start({ poolSize: 20, networks: true });
    await lab.cluster.primary.query('CREATE TABLE rows (lane text, id int)');
    const stage = new Stage(lab);
    for (let i = 0; i < idle; i++) {
      const client = new Client({ connectionString: lab.proxyUrl });
      client.on('error', () => stage.idleErrors++);
      await client.connect();
      stage.#idle.push(client);
    }
    return stage;
  }

  /** Sends a query on every idle client, and returns how many succeeded. */
  async idleAlive(): Promise<number> {
    const answers = await Promise.allSettled(this.#idle.map((client) => client.query('SELECT 1')));
    return answers.filter(({ status }) => status === 'fulfilled').length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#idle.map((client) => client.end().catch(() => undefined)));
    await this.lab.stop();
  }
}
