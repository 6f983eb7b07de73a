import { watch } from 'node:fs';
import { dirname } from 'node:path';

/** How long nothing must have happened (milliseconds): whoever replaces a file does so in several steps. */
const quietTime = 200;

/**
 * Calls `changed` when one of the files may have changed, until the returned function is called. The folders are
 * watched and not the files: editors, and Kubernetes with its mounted settings, put a new file in the place of the old.
 */
export function watchFiles(
  files: readonly string[],
  changed: () => void,
  failed: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, quietTime);
  };
  const watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) => {
    try {
      return [watch(folder, { persistent: false }, wait).on('error', failed)];
    } catch (error) {
      failed(error);
      return [];
    }
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) {
      watcher.close();
    }
  };
}
