import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ProxyError } from '../errors.ts';
import { errorText } from '../settings/error-text.ts';

/** A certificate with its chain, and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly x509: X509Certificate;
}

/** Reads a certificate and its key. Throws KEY_PAIR if one of them cannot be read, or they do not belong together. */
export function readKeyPair(certFile: string, keyFile: string): KeyPair {
  const refuse = (file: string, error: unknown): ProxyError =>
    new ProxyError('KEY_PAIR', { file, why: errorText(error) }, error);
  let cert: string;
  let x509: X509Certificate;
  try {
    cert = readFileSync(certFile, 'utf8');
    x509 = new X509Certificate(cert);
  } catch (error) {
    throw refuse(certFile, error);
  }
  let key: string;
  let isMatching: boolean;
  try {
    key = readFileSync(keyFile, 'utf8');
    isMatching = x509.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw refuse(keyFile, error);
  }
  if (!isMatching) throw refuse(keyFile, `it is not the key of the certificate in ${certFile}`);
  return { cert, key, x509 };
}
