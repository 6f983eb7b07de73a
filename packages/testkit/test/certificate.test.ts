import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { makeCertificate } from '../src/index.ts';

suite('makeCertificate', () => {
  test('is valid for its hosts, and signed by its authority', async () => {
    const made = await makeCertificate({ hosts: ['db.example.com', '127.0.0.1', '::1'] });
    const cert = new X509Certificate(made.cert);
    const ca = new X509Certificate(made.ca);
    assert.equal(cert.checkHost('db.example.com'), 'db.example.com');
    assert.equal(cert.checkHost('other.example.com'), undefined);
    assert.equal(cert.checkIP('127.0.0.1'), '127.0.0.1');
    assert.equal(cert.checkIP('::1'), '::1');
    assert(cert.verify(ca.publicKey));
    assert(cert.checkIssued(ca));
    assert(ca.ca && !cert.ca);
  });

  test('several certificates can share an authority', async () => {
    const authority = await makeCertificate();
    const client = await makeCertificate({ authority, commonName: 'ann' });
    assert.equal(client.ca, authority.ca);
    assert.match(new X509Certificate(client.cert).subject, /CN=ann/);
    assert(new X509Certificate(client.cert).verify(new X509Certificate(authority.ca).publicKey));
  });
});
