/** Runs Sluice on behalf of the process that forked this one: settings come as a message, and its end is this one's too. */
import { startProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';

/** What the parent is told when clients can connect. */
export interface ProxyMessage {
  readonly port: number;
  readonly adminPort: number;
}

// The channel closes when the parent ends, even when it is killed.
process.once('disconnect', () => process.exit(0));
process.once('message', (settings) => {
  startProxy(createSettings(settings as Parameters<typeof createSettings>[0])).then(
    ({ endpoints, admin }) => {
      const message: ProxyMessage = { port: endpoints[0]?.port ?? 0, adminPort: admin.port };
      process.send?.(message);
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
