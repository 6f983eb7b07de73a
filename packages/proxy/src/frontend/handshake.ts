import type { Socket } from 'node:net';
import type { ProxyError } from '../errors.ts';
export interface HandshakeOptions { readonly trust: true }
export interface ClientLogin { readonly socket: Socket; readonly user: string; readonly database: string; readonly databaseUser: string; readonly parameters: readonly (readonly [string, string])[]; readonly tls: boolean; readonly longCancelKey: boolean; readonly rest: Buffer | null }
export class ClientHandshake {
  socket: Socket;
  constructor(socket: Socket, _o: HandshakeOptions, h: { loggedIn(l: ClientLogin): void; cancel(p: number, s: Buffer): void; failed(e: ProxyError | null): void }) {
    this.socket = socket;
    const on = (c: Buffer): void => {
      const v = c.readUInt32BE(4);
      if (v === 80877103) { socket.write('N'); return; }
      socket.off('data', on); socket.off('error', bad);
      if (v === 80877102) { h.cancel(c.readUInt32BE(8), c.subarray(12)); socket.end(); return; }
      const parts = c.toString('utf8', 8, c.length).split('\0'); const p: [string, string][] = [];
      for (let i = 0; i + 1 < parts.length && parts[i]; i += 2) p.push([parts[i] ?? '', parts[i + 1] ?? '']);
      const m = new Map(p);
      h.loggedIn({ socket, user: m.get('user') ?? '', database: m.get('database') ?? m.get('user') ?? '', databaseUser: m.get('user') ?? '', parameters: p, tls: false, longCancelKey: false, rest: null });
    };
    const bad = (): void => h.failed(null);
    socket.on('data', on); socket.on('error', bad);
  }
  abort(_e: ProxyError): void { this.socket.destroy(); }
}
