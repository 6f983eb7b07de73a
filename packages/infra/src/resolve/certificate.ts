import { createPrivateKey, X509Certificate } from 'node:crypto';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { Clients } from '../aws/clients.ts';
import { messageOf } from '../errors.ts';
import { isRecord } from '../values.ts';
import type { Certificate } from './facts.ts';

/** Reads the secret of the certificate and checks the pair in it. The key does not leave this function. */
export async function readCertificate(clients: Clients, secret: string): Promise<Certificate> {
  const answer = await clients.secrets.send(new GetSecretValueCommand({ SecretId: secret }));
  return judgeCertificate(answer.SecretString ?? '');
}

/** Whether a secret contains a certificate that tasks can use: PEM, with its own key, not expired. */
function judgeCertificate(text: string, now: Date = new Date()): Certificate {
  const value = parsed(text);
  if (value === undefined) {
    return { problems: ['it is not a JSON object'], names: [] };
  }
  const { certificate: pem, private_key: keyPem } = value;
  const missing = ['certificate', 'private_key'].filter((name) => typeof value[name] !== 'string');
  if (typeof pem !== 'string' || typeof keyPem !== 'string') {
    return { problems: missing.map((name) => `it has no text ${name}`), names: [] };
  }
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    return { problems: [`certificate is no PEM certificate (${messageOf(error)})`], names: [] };
  }
  const problems: string[] = [];
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem))) {
      problems.push('private_key is not the key of certificate');
    }
  } catch {
    // The parser's message may contain parts of the key.
    problems.push('private_key is no PEM private key');
  }
  const ends = new Date(certificate.validTo);
  if (ends < now) {
    problems.push(`certificate expired on ${ends.toISOString()}`);
  }
  if (new Date(certificate.validFrom) > now) {
    problems.push(
      `certificate is not valid before ${new Date(certificate.validFrom).toISOString()}`,
    );
  }
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice('DNS:'.length)] : []));
  return { problems, names, ends: ends.toISOString() };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
