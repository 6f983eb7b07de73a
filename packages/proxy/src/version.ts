/** The version of Sluice. Every package of it has the same; `npm run release` sets them all. */
export const version = '0.1.0';
