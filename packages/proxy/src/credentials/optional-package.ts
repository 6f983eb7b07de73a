/**
 * Imports an optional dependency that may not be installed.
 *
 * @throws Error with the command that installs it, if it is missing.
 */
export async function optionalPackage<Module>(
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    // Another code or name means that the package is installed but broken.
    const isMissing =
      error instanceof Error &&
      'code' in error &&
      error.code === 'ERR_MODULE_NOT_FOUND' &&
      error.message.includes(name);
    if (!isMissing) throw error;
    throw new Error(
      `the package ${name}, an optional one, is not installed; install it with: npm install ${name}`,
      { cause: error },
    );
  }
}
