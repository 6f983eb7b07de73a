/** How many connections the kernel keeps for a listener that has not accepted them yet; it may allow fewer. */
export const backlog = 4096;

/** TCP sends the first keep-alive probe to an idle client after so long, in milliseconds. */
export const keepAliveAfter = 60_000;
