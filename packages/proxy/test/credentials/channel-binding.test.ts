import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { makeCertificate } from '@sluice/testkit';
import fc from 'fast-check';
import { endPointBinding } from '../../src/credentials/channel-binding.ts';

const run = promisify(execFile);

suite('endPointBinding', () => {
  test('is the hash of the certificate with the hash function of its signature', async () => {
    const { cert } = await makeCertificate();
    const { raw } = new X509Certificate(cert);
    assert.deepEqual(endPointBinding(raw), createHash('sha256').update(raw).digest());
  });

  for (const [key, digest, hash] of [
    ['rsa:2048', 'sha1', 'sha256'],
    ['rsa:2048', 'sha256', 'sha256'],
    ['rsa:2048', 'sha384', 'sha384'],
    ['rsa:2048', 'sha512', 'sha512'],
    ['ec:P-256', 'sha384', 'sha384'],
    ['ec:P-256', 'sha512', 'sha512'],
    ['ed25519', 'sha256', null],
  ] as const) {
    test(`${key} signed with ${digest}`, async (t) => {
      const cert = await selfSigned(key, digest);
      if (cert === null) return t.skip('openssl is not installed');
      const { raw } = new X509Certificate(cert);
      const expected = hash === null ? null : createHash(hash).update(raw).digest();
      assert.deepEqual(endPointBinding(raw), expected);
    });
  }

  test('a certificate that is cut, or has something else for its algorithm, has none', async () => {
    const { cert } = await makeCertificate();
    const { raw } = new X509Certificate(cert);
    // ecdsa-with-SHA256.
    const signature = Buffer.from('06082a8648ce3d040302', 'hex');
    const at = raw.lastIndexOf(signature);
    assert(at > 0);
    for (let end = 0; end < at + signature.length; end++)
      assert.equal(endPointBinding(Buffer.from(raw.subarray(0, end))), null, `cut to ${end}`);
    const other = Buffer.from(raw);
    // The same bytes as an OCTET STRING.
    other[at] = 0x04;
    assert.equal(endPointBinding(other), null);
  });

  test('any bytes have a binding or none', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      endPointBinding(Buffer.from(bytes));
    });
    fc.assert(property);
  });
});

async function selfSigned(key: string, digest: string): Promise<string | null> {
  const newKey = key.startsWith('ec:')
    ? ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${key.slice(3)}`]
    : ['-newkey', key];
  const options = ['-nodes', '-keyout', '/dev/null', '-subj', '/CN=x', `-${digest}`];
  return run('openssl', ['req', '-x509', ...newKey, ...options]).then(
    ({ stdout }) => stdout,
    () => null,
  );
}
