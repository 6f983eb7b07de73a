export { buildMessage } from './build.ts';
export * from './codes.ts';
export * from './error-fields.ts';
export * from './md5.ts';
export * from './messages.ts';
export * from './scram.ts';
export * from './startup.ts';
