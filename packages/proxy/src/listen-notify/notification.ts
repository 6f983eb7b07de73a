import { bodyAt, readNotificationResponse } from '@sluice/wire';

/**
 * The name of a channel as a string of bytes (latin1), in the encoding of the database: names are compared and
 * forwarded unchanged.
 */
export type Channel = string;

/** NotificationResponse (B): Byte1('A') Int32 length, Int32 process id, String channel, String payload. */
export interface Notification {
  readonly processId: number;
  readonly channel: Channel;
  readonly payload: string;
}

/** Parses the complete message `chunk[at, end)`. */
export function readNotification(chunk: Buffer, at: number, end: number): Notification {
  return readNotificationResponse(chunk, bodyAt(at), end);
}

/** `LISTEN` for each channel, to be sent as latin1; empty without channels. */
export function listenSql(channels: Iterable<Channel>): string {
  return [...channels].map((channel) => `LISTEN ${quote(channel)}`).join(';');
}

export function unlistenSql(channel: Channel): string {
  return `UNLISTEN ${quote(channel)}`;
}

export function notifySql(channel: Channel, payload: string): string {
  return `NOTIFY ${quote(channel)}, '${payload}'`;
}

/**
 * Queries the channels of a connection, as bytes in the encoding of the database, because a column of names would be in
 * the encoding of the client. Function names are qualified: search_path is arbitrary.
 */
export const channelsSql =
  'SELECT pg_catalog.encode(pg_catalog.convert_to(c, pg_catalog.getdatabaseencoding()), ' +
  "'hex') FROM pg_catalog.pg_listening_channels() c";

/** Parses the answer to `channelsSql`. */
export function readChannels(rows: readonly (readonly (string | null)[])[]): Set<Channel> {
  return new Set(rows.map(([hex]) => Buffer.from(hex ?? '', 'hex').toString('latin1')));
}

function quote(channel: Channel): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
