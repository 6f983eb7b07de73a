/** A number as text, with its significant digits. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return '–';
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** `0.42 ms`, `1.53 s`. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const text = Math.abs(ms) >= 1000 ? `${formatNumber(ms / 1000)} s` : `${formatNumber(ms)} ms`;
  return text.replace('-', '−');
}

/** `1.5 GB`, `23.1 MB`, `512 kB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${formatNumber(bytes / 1e9)} GB`;
  if (bytes >= 1e6) return `${formatNumber(bytes / 1e6)} MB`;
  return `${formatNumber(bytes / 1000)} kB`;
}

/** `12 %`, `0.4 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  const digits = Math.abs(percent) >= 10 || Number.isInteger(percent) ? 0 : 1;
  return `${percent.toFixed(digits)} %`.replace('-', '−');
}

/** `1 client`, `20 clients`. */
export function plural(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `a, b and c`. */
export function listed(items: readonly string[]): string {
  return items.length < 2
    ? items.join('')
    : `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`;
}
