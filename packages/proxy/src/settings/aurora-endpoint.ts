/** The cluster endpoints of Aurora: NAME.cluster-ID.REGION.rds.amazonaws.com, also cluster-ro- and cluster-custom-. */
const clusterEndpoint =
  /^[^.]+\.cluster-(?:ro-|custom-)?([^.]+\.[^.]+\.rds\.amazonaws\.com(?:\.cn)?)$/i;

/** The host names of the instances behind an Aurora endpoint, with `?` for the instance name. */
export function instancePattern(host: string): string | undefined {
  const domain = clusterEndpoint.exec(host)?.[1];
  return domain === undefined ? undefined : `?.${domain}`;
}
