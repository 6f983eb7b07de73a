export { onEvent } from './events.ts';
export type { Stop } from './events.ts';
export type { ListeningEndpoint, PauseOptions, Proxy, ReloadResult } from './proxy.ts';
export { loadSettings } from './load-settings.ts';
export type {
  AuthSecret,
  EndpointSettings,
  PoolSettings,
  ProxySettings,
  TargetSettings,
  UserSettings,
} from './proxy-settings.ts';
export { startProxy } from './start-proxy.ts';
export { errorKinds, ProxyError } from '@sluice/proxy';
export type {
  ClientCount,
  ConnectionEvent,
  EndpointStatus,
  ErrorCode,
  EventName,
  EventPayloads,
  PinReason,
  PinStatus,
  PoolStatus,
  ProxyStatus,
  TargetRole,
  TargetState,
  TargetStatus,
  UnavailableReason,
  WaitStatus,
} from '@sluice/proxy';
export { version } from '@sluice/proxy/version';
export { SettingsError } from '@sluice/proxy/settings';
export type { Problem } from '@sluice/proxy/settings';
