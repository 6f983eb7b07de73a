export {
  bootstrap,
  difference,
  fewestRounds,
  isSupported,
  mulberry32,
  relativeChange,
} from './bootstrap.ts';
export type { Estimate } from './bootstrap.ts';
export { median, medianRatio, percentile } from './middle.ts';
