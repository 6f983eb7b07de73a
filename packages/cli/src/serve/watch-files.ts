import { watch } from 'node:fs';
import { dirname } from 'node:path';

/** The quiet time before a reload, in milliseconds: a file is replaced in several steps. */
const quietTime = 200;

/**
 * Calls `changed` when one of the files may have changed, until the returned function is called. It watches the folders
 * rather than the files, because editors and Kubernetes replace a file with a new one.
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
