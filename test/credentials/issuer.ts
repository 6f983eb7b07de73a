import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { JWTPayload } from 'jose';

/** An issuer of OpenID Connect tokens: discovery, keys, signatures. */
export class Issuer {
  url = '';
  readonly #server: Server;
  #key: CryptoKey | null = null;

  constructor() {
    this.#server = createServer();
  }

  async start(): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    this.#key = privateKey;
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256' }];
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/issuer`;
    this.#server.on('request', (request, response) => {
      const body =
        request.url === '/issuer/.well-known/openid-configuration'
          ? { issuer: this.url, jwks_uri: `${this.url}/keys` }
          : { keys };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    });
  }

  token(claims: JWTPayload, expires = '5m', key = this.#key): Promise<string> {
    assert(key);
    return new SignJWT({ scope: 'db read', ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(this.url)
      .setAudience('sluice')
      .setExpirationTime(expires)
      .sign(key);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
