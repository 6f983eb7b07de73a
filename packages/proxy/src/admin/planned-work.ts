/** A target, as seen by planned work. */
interface NamedTarget {
  readonly name: string;
}

/** The operations of a target group for planned work. */
export interface PlannedWork<Target extends NamedTarget = NamedTarget> {
  readonly targets: readonly Target[];
  /** Pauses all sessions; true if nothing is running on any server connection. */
  pause(): boolean;
  /** Ends the pause. */
  resume(): void;
  find(name: string): Target | undefined;
  /** Stops leases on the target; true if nothing is running there. */
  drain(target: Target): boolean;
  undrain(target: Target): void;
}

/** The response to a request. */
interface Outcome {
  readonly status: number;
  readonly body: object;
}

/** The effect of a request; `name` is its `target`. */
type Action = (group: PlannedWork, name: string | null) => Outcome;

/** The requests of planned work, by path. Clients repeat `/pause` and `/drain` until nothing runs. */
export const workActions: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['/pause', (group) => ok({ paused: true, quiet: group.pause() })],
  [
    '/resume',
    (group, name) => {
      if (name !== null)
        return withTarget(group, name, (target) => {
          group.undrain(target);
          return { target: target.name, drained: false };
        });
      group.resume();
      return ok({ paused: false });
    },
  ],
  [
    '/drain',
    (group, name) =>
      withTarget(group, name, (target) => ({
        target: target.name,
        drained: true,
        quiet: group.drain(target),
      })),
  ],
]);

function ok(body: object): Outcome {
  return { status: 200, body };
}

function withTarget(
  group: PlannedWork,
  name: string | null,
  act: (target: NamedTarget) => object,
): Outcome {
  const target = group.find(name ?? '');
  if (target !== undefined) return ok(act(target));
  const targets = group.targets.map((known) => known.name);
  const error =
    name === null ? 'the target is missing; add ?target=NAME' : `there is no target "${name}"`;
  return { status: 404, body: { error, targets } };
}
