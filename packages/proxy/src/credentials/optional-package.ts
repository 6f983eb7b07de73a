/**
 * Imports a package that may have been left out when Sluice was installed.
 *
 * @throws Error that names the command which installs it, when it is not there.
 */
export async function optionalPackage<Module>(
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    // Another code, or another name, means that the package is there and something in it is broken.
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
