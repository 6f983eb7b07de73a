/** The cluster endpoints of Aurora: NAME.cluster-ID.REGION.rds.amazonaws.com, also cluster-ro- and cluster-custom-. */
const clusterEndpoint =
  /^[^.]+\.cluster-(?:ro-|custom-)?([^.]+\.[^.]+\.rds\.amazonaws\.com(?:\.cn)?)$/i;

/** How instances of the cluster behind an Aurora endpoint are called: `?` stands for the instance. */
export function instancePattern(host: string): string | undefined {
  const domain = clusterEndpoint.exec(host)?.[1];
  return domain === undefined ? undefined : `?.${domain}`;
}
