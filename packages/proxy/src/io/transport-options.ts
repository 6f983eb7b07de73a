/** The length of the queue of connections that are not accepted yet; the kernel may allow fewer. */
export const backlog = 4096;

/** The idle time before the first TCP keep-alive probe, in milliseconds. */
export const keepAliveAfter = 60_000;
