import { createHash } from 'node:crypto';

/**
 * The tls-server-end-point of a certificate (RFC 5929): its hash with the hash function of its signature, with SHA-256
 * instead of MD5 and SHA-1. Null if that function is unknown.
 */
export function endPointBinding(certificate: Buffer): Buffer | null {
  const hash = signatureHash(certificate);
  return hash === null ? null : createHash(hash).update(certificate).digest();
}

/** OIDs of signature algorithms, DER-encoded, and the hash function of each. */
const algorithms: readonly (readonly [oid: string, hash: string])[] = [
  ['2a864886f70d010105', 'sha256'],
  ['2a864886f70d010104', 'sha256'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d0401', 'sha256'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
];

/**
 * Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER … }, … } (RFC
 * 5280, section 4.1): the OID follows the first inner sequence.
 */
function signatureHash(certificate: Buffer): string | null {
  const outer = readElement(certificate, 0);
  if (outer === null) return null;
  const signed = readElement(certificate, outer.start);
  if (signed === null) return null;
  const algorithm = readElement(certificate, signed.end);
  if (algorithm === null) return null;
  const identifier = readElement(certificate, algorithm.start);
  if (identifier === null || certificate[algorithm.start] !== 0x06) return null;
  const oid = certificate.toString('hex', identifier.start, identifier.end);
  return algorithms.find(([known]) => known === oid)?.[1] ?? null;
}

/** The content of the DER element at `at`. */
function readElement(
  der: Buffer,
  at: number,
): { readonly start: number; readonly end: number } | null {
  const first = der[at + 1];
  if (first === undefined) return null;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const bytes = first & 0x7f;
  if (bytes === 0 || bytes > 4 || at + 2 + bytes > der.length) return null;
  const start = at + 2 + bytes;
  return { start, end: start + der.readUIntBE(at + 2, bytes) };
}
