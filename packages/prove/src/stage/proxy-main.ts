/** Runs Sluice for the parent process: settings arrive as a message, and this process ends with the parent. */
import { startProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';

/** The message to the parent when clients can connect. */
export interface ProxyMessage {
  readonly port: number;
  readonly adminPort: number;
}

// The channel closes when the parent ends, even if it is killed.
process.once('disconnect', () => process.exit(0));
process.once('message', (settings) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `createSettings` checks the settings
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
