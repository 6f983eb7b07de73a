/** The fields of V8's and Bun's `.cpuprofile` that this module reads. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
    readonly children?: readonly number[];
  }[];
  /** The node of each sample, and the time since the previous sample, in microseconds. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function in one stack of callers, and the functions that it calls. Times in microseconds. */
export interface Frame {
  readonly name: string;
  /** Its file and line; empty if it is not in a file. */
  readonly place: string;
  self: number;
  total: number;
  readonly calls: Map<string, Frame>;
}

/** The calls of a profile as a tree. Omits idle time; a recursive function counts each call. */
export function callTree({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const self = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    self.set(id, (self.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root: Frame = { name: 'all', place: '', self: 0, total: 0, calls: new Map() };
  const addCalls = (ids: readonly number[], frame: Frame): void => {
    for (const id of ids) {
      const node = byId.get(id);
      if (node === undefined || node.callFrame.functionName === '(idle)') continue;
      const { functionName, url, lineNumber } = node.callFrame;
      const place =
        url === '' ? '' : `${url.replace(/^.*\/(?=[^/]+\/[^/]+$)/, '')}:${lineNumber + 1}`;
      const name = functionName === '' ? '(anonymous)' : functionName;
      const key = `${name} ${place}`;
      let called = frame.calls.get(key);
      if (called === undefined) {
        called = { name, place, self: 0, total: 0, calls: new Map() };
        frame.calls.set(key, called);
      }
      called.self += self.get(id) ?? 0;
      addCalls(node.children ?? [], called);
    }
  };
  const called = new Set(nodes.flatMap(({ children = [] }) => children));
  const roots = nodes.filter(({ id }) => !called.has(id));
  addCalls(
    roots.flatMap(({ id, callFrame, children = [] }) =>
      callFrame.functionName === '(root)' ? children : [id],
    ),
    root,
  );
  sum(root);
  return root;
}

function sum(frame: Frame): number {
  frame.total = frame.self;
  for (const called of frame.calls.values()) frame.total += sum(called);
  return frame.total;
}

/** The functions with the most time, without their callees: `[function, share of all time]`. */
export function hottest(tree: Frame, count: number): [string, number][] {
  const selfTimes = new Map<string, number>();
  const collect = ({ name, place, self, calls }: Frame): void => {
    const key = `${name} ${place}`.trim();
    selfTimes.set(key, (selfTimes.get(key) ?? 0) + self);
    for (const called of calls.values()) collect(called);
  };
  collect(tree);
  return [...selfTimes]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, self]) => [name, self / tree.total]);
}
