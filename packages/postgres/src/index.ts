export {
  FaultProxy,
  failOver,
  failoverKinds,
  makeCertificate,
  repairCluster,
  startCluster,
  startPostgres,
} from '@sluice/testkit';
export type {
  Certificate,
  CertificateOptions,
  Cluster,
  ClusterOptions,
  FailoverKind,
  FailoverMeans,
  Fault,
  Postgres,
  PostgresOptions,
  ShutdownMode,
} from '@sluice/testkit';
