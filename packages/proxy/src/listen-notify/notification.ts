import { bodyAt, readNotificationResponse } from '@sluice/wire';

/**
 * The name of a channel as one string of bytes (latin1), in the encoding of the database: names are compared and sent
 * on as they are, whatever that encoding is.
 */
export type Channel = string;

/** NotificationResponse (B): Byte1('A') Int32 length, Int32 process id, String channel, String payload. */
export interface Notification {
  readonly processId: number;
  readonly channel: Channel;
  readonly payload: string;
}

/** Reads the whole message `chunk[at, end)`. */
export function readNotification(chunk: Buffer, at: number, end: number): Notification {
  return readNotificationResponse(chunk, bodyAt(at), end);
}

/** `LISTEN` for each channel, to be sent as latin1; empty for none. */
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
 * The channels that a connection listens to, as bytes of the database's encoding: a column of names would come in the
 * encoding of the client. The functions are named in full: search_path may be anything.
 */
export const channelsSql =
  'SELECT pg_catalog.encode(pg_catalog.convert_to(c, pg_catalog.getdatabaseencoding()), ' +
  "'hex') FROM pg_catalog.pg_listening_channels() c";

/** The answer to `channelsSql`. */
export function readChannels(rows: readonly (readonly (string | null)[])[]): Set<Channel> {
  return new Set(rows.map(([hex]) => Buffer.from(hex ?? '', 'hex').toString('latin1')));
}

function quote(channel: Channel): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
