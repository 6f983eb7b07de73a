import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { availabilityFindings } from '../src/findings/availability.ts';
import type { AvailabilityLane, Report } from '../src/report/schema.ts';

const kind = { asked: 1, succeeded: 1, held: 0, retried: 0, failed: {} };

function lane(path: string, gapMs: number): AvailabilityLane {
  return {
    path,
    gapMs,
    readGapMs: gapMs,
    afterPromotionMs: null,
    writes: kind,
    reads: kind,
    rows: { acknowledged: 1, lost: 0, doubled: 0 },
    idle: { clients: 0, survived: 0, lost: 0 },
    timeline: [],
  };
}

/** The finding about an outage of 2 s on the direct path and of `gapMs` through the proxy. */
function textFor(gapMs: number): string | undefined {
  const value = (2000 - gapMs) / 2000;
  const report = {
    paths: [
      { name: 'direct', kind: 'direct', url: '' },
      { name: 'proxy', kind: 'proxy', url: '' },
    ],
    availability: {
      trigger: 'kill',
      writesPerSecond: 1,
      readsPerSecond: 1,
      rounds: Array.from({ length: 5 }, () => ({
        faultAtMs: 0,
        promotionMs: null,
        lanes: [lane('direct', 2000), lane('proxy', gapMs)],
      })),
      cuts: [{ path: 'proxy', cut: { value, low: value - 0.1, high: value + 0.1, rounds: 5 } }],
      publishedClaim: 0.66,
    },
  } as Partial<Report> as Report;
  return availabilityFindings(report)[0]?.sentence;
}

suite('the finding about an outage', () => {
  test('the proxy shortened it', () => {
    assert.equal(
      textFor(200),
      'Proxy cut the outage of a failover by 90 % (95 % interval 80 % to 100 %, 5 rounds), from 2 s to 200 ms; Amazon publishes “up to 66 %” for RDS Proxy.',
    );
  });

  test('the proxy prolonged it, and did not shorten it by a negative number', () => {
    assert.equal(
      textFor(6000),
      'Proxy made the outage of a failover 200 % longer (95 % interval 190 % to 210 %, 5 rounds): 6 s, and 2 s directly.',
    );
  });
});
