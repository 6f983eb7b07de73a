export { ManagedProxyBase } from './constructs/managed-proxy-base.ts';
export type { IManagedProxy, ManagedProxyAttributes } from './constructs/managed-proxy-base.ts';
export type {
  ManagedProxyAuth,
  ManagedProxyEndpointOptions,
  ManagedProxyOptions,
  ManagedProxyProps,
} from './constructs/managed-proxy-props.ts';
export { ManagedProxyTarget } from './constructs/managed-proxy-target.ts';
export type {
  IdentifiedDatabase,
  ManagedProxyTargetConfig,
} from './constructs/managed-proxy-target.ts';
export { ManagedProxy } from './constructs/managed-proxy.ts';
export { PropsError } from './constructs/props-error.ts';
export { ProxyRole } from './constructs/proxy-role.ts';
export type { ProxyRoleProps } from './constructs/proxy-role.ts';
export type { SharedProxyProps } from './constructs/shared-proxy-props.ts';
export type {
  SluiceServiceProps,
  SluiceSpot,
  SluiceTarget,
} from './constructs/sluice-service-props.ts';
export { SluiceService } from './constructs/sluice-service.ts';
export type { ISluiceService } from './constructs/sluice-service.ts';
