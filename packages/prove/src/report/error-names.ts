/** The names of errors during a ramp or a failover, by SQLSTATE (manual, appendix A) or by system error code. */
const names: Readonly<Record<string, string>> = {
  '08000': 'no connection available',
  '08006': 'connection lost',
  '25006': 'read-only',
  '28P01': 'wrong password',
  '40001': 'transaction rolled back',
  '53300': 'too many connections',
  '57014': 'canceled',
  '57P01': 'shut down by the administrator',
  '57P03': 'cannot connect now',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
};

/** Failures as text: `2 × 53300 (too many connections)`. */
export function failureText(failures: Readonly<Record<string, number>>): string {
  return Object.entries(failures)
    .map(([code, count]) => {
      const name = names[code];
      return `${count} × ${code}${name === undefined ? '' : ` (${name})`}`;
    })
    .join(', ');
}
