import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { assembled } from './assemble.ts';
import type { Published } from './published.ts';
import { root } from './workspace.ts';

/** The folder of the reports, relative to the root of the repository. */
export const reports = 'docs/api';

/**
 * Compares the exports of an assembled package with its report in docs/api, using the declarations that users get.
 *
 * @param update - writes the report if it differs.
 * @returns whether the report was up to date.
 */
export async function checkApiReport({ name }: Published, update: boolean): Promise<boolean> {
  const projectFolder = path.join(root, assembled, name);
  const reportTempFolder = path.join(root, 'dist/api');
  await mkdir(reportTempFolder, { recursive: true });
  const config = ExtractorConfig.prepare({
    configObjectFullPath: path.join(projectFolder, 'api-extractor.json'),
    packageJsonFullPath: path.join(projectFolder, 'package.json'),
    configObject: {
      projectFolder,
      mainEntryPointFilePath: path.join(projectFolder, 'dist/index.d.ts'),
      newlineKind: 'lf',
      compiler: {
        // Only the declarations are checked; their imports are not.
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2023',
            lib: ['ES2023', 'ESNext.Disposable'],
            module: 'NodeNext',
            moduleResolution: 'NodeNext',
            types: ['node'],
            skipLibCheck: true,
            strict: true,
          },
          files: ['dist/index.d.ts'],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name.replace('@sluice/', '')}.api.md`,
        reportFolder: path.join(root, reports),
        reportTempFolder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Error, addToApiReportFile: false },
          // Everything that is exported is public.
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
          'ae-undocumented': { logLevel: ExtractorLogLevel.None },
          // The report lists types that users cannot import although one of their types refers to them.
          'ae-forgotten-export': {
            logLevel: ExtractorLogLevel.Warning,
            addToApiReportFile: true,
          },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const failures: string[] = [];
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) {
        failures.push(message.formatMessageWithLocation(root));
      }
    },
  });
  if (failures.length > 0) {
    throw new Error(`the API of ${name} cannot be reported:\n${failures.join('\n')}`);
  }
  return !apiReportChanged;
}
