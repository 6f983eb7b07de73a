/** The settings file of every command if the user names none. */
export const defaultFile = 'sluice.yaml';
