export const port = { type: 'integer', min: 0, max: 65_535 } as const;

/** In seconds. */
export const day = 86_400;

/** The version that introduced a setting. */
export const since = '0.1.0';
