/*
 * Preloaded into the daemon: SIGUSR2 moves its wall clock a year forward and two years back, in turn. The monotonic
 * clock continues, as when an administrator or NTP sets the time.
 */
const day = 86_400_000;
const RealDate = Date;
let offset = 0;
let jumps = 0;

class ShiftedDate extends RealDate {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(RealDate.now() + offset);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + offset;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;

process.on('SIGUSR2', () => {
  offset += (jumps % 2 === 0 ? 365 : -730) * day;
  jumps += 1;
});
