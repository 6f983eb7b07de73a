import assert from 'node:assert/strict';
import { test } from 'node:test';
import { query } from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';

const secret = 'S3CRET';

onEachRoute(
  'secrets in statements',
  { settings: { DebugLogging: true }, routes: ['node', 'bun'] },
  (route) => {
    for (const [title, texts] of [
      [
        'after an escaped quote, in one Query with the SET',
        [String.raw`set standard_conforming_strings = off; alter role r password 'x\'${secret}'`],
      ],
      [
        'after an escaped quote, in the Query after the SET',
        [
          'set standard_conforming_strings = off',
          String.raw`alter role r password 'x\'${secret}'`,
          String.raw`alter role r password 'x\'${secret}' -- '`,
        ],
      ],
      ['after a quote that is not doubled', [`alter role r password 'x'${secret}'`]],
      ['without any quotes', [`alter role r password ${secret}`, secret]],
    ] as const) {
      test(title, async (t) => {
        const client = await route().login(t);
        client.send(Buffer.concat(texts.map((text) => query(text))));
        for (const _ of texts) await client.ready();
        await client.query('select pg_advisory_lock(1)');
        const { sluice } = route();
        await sluice.logged(({ msg }) => JSON.stringify(msg).includes('statement'));
        const { body } = await sluice.admin('/metrics');
        assert.doesNotMatch(body, new RegExp(secret, 'i'));
        assert.doesNotMatch(JSON.stringify(sluice.log), new RegExp(secret, 'i'));
        client.destroy();
      });
    }
  },
);
