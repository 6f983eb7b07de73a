/** Why a password or a token does not let its client in. */
export interface Refusal {
  /** For the log alone. */
  readonly why: string;
  /** The proxy could not check it now: whom it has to ask did not respond. */
  readonly isOutage?: boolean;
}

/** The proxy could ask nobody, so the password or token may be right. */
export function outage(why: string): Refusal {
  return { why, isOutage: true };
}
