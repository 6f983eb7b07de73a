/**
 * Writes the load of a task to its log once a minute, in CloudWatch's embedded metric format: how busy the event loop
 * is, and how many clients are connected. The awslogs driver passes the lines to CloudWatch, which turns them into
 * metrics.
 */
import process from 'node:process';
import { AdminPort } from '../planned-work/admin-port.ts';

/** The interval between two lines, in milliseconds: autoscaling evaluates once a minute. */
const interval = 60_000;

/** One line in the embedded metric format. */
export function metricLine(
  service: string,
  values: Readonly<Record<string, number>>,
  now = Date.now(),
): string {
  const Metrics = Object.keys(values).map((Name) => ({
    Name,
    Unit: Name.endsWith('Percent') ? 'Percent' : 'Count',
  }));
  return JSON.stringify({
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [{ Namespace: 'Sluice', Dimensions: [['Service']], Metrics }],
    },
    Service: service,
    ...values,
  });
}

/** The sum of a gauge over all its labels, from the Prometheus text format. */
export function gaugeOf(text: string, name: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Starts writing; the timer does not keep the process alive. */
export function reportMetrics(
  service: string,
  port: string,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
  pause: number = interval,
): NodeJS.Timeout {
  let last = { cpu: process.cpuUsage(), at: performance.now() };
  const timer = setInterval(() => {
    const now = { cpu: process.cpuUsage(), at: performance.now() };
    const used = now.cpu.user + now.cpu.system - last.cpu.user - last.cpu.system;
    // The daemon has one thread, so the CPU time of the process is the time that its event loop is busy.
    const percent = Math.min(100, used / 10 / (now.at - last.at));
    last = now;
    void new AdminPort(`http://127.0.0.1:${port}`)
      .request('/metrics', 'GET', 4000)
      .then(({ body }) => {
        const ClientConnections = gaugeOf(body, 'sluice_client_connections');
        write(
          metricLine(service, {
            EventLoopPercent: Math.round(percent * 10) / 10,
            ClientConnections,
          }),
        );
      })
      .catch(() => undefined);
  }, pause);
  timer.unref();
  return timer;
}
