import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import { readKeyPair } from '../../src/credentials/key-pair.ts';

suite('a certificate and its key', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-key-pair-'));
  after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    const file = path.join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  test('are read together', async () => {
    const { cert, key } = await makeCertificate();
    const pair = readKeyPair(write('cert.pem', cert), write('key.pem', key));
    assert.equal(pair.cert, cert);
    assert.equal(pair.key, key);
    assert.match(pair.x509.subject, /CN=/);
  });

  test('that do not belong together are refused', async () => {
    const [own, other] = await Promise.all([makeCertificate(), makeCertificate()]);
    const cert = write('own.pem', own.cert);
    const key = write('other.pem', other.key);
    assert.throws(() => readKeyPair(cert, key), {
      message: `${key}: it is not the key of the certificate in ${cert}`,
    });
  });

  test('that cannot be read are refused, with the name of the file', async () => {
    const { cert, key } = await makeCertificate();
    const good = { cert: write('good-cert.pem', cert), key: write('good-key.pem', key) };
    const absent = path.join(folder, 'absent.pem');
    const broken = write('broken.pem', 'not PEM\n');
    for (const file of [absent, broken]) {
      const named = (error: Error): boolean => error.message.startsWith(`${file}: `);
      assert.throws(() => readKeyPair(file, good.key), named);
      assert.throws(() => readKeyPair(good.cert, file), named);
    }
  });
});
