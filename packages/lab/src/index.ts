export { makeCertificate } from './certificate.ts';
export type { Certificate, CertificateOptions } from './certificate.ts';
export { platformPackage } from './postgres/binaries.ts';
export { startPostgres } from './postgres/start-postgres.ts';
export type { PostgresOptions } from './postgres/options.ts';
export { Postgres } from './postgres/postgres.ts';
export type { ShutdownMode } from './postgres/postgres.ts';
