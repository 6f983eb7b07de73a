/** Why a password or token was refused. */
export interface Refusal {
  /** Only for the log. */
  readonly why: string;
  /** The proxy could not check it, because a service did not respond. */
  readonly isOutage?: boolean;
}

/** The proxy could not check the password or token, which may be valid. */
export function outage(why: string): Refusal {
  return { why, isOutage: true };
}
