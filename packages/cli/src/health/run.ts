import process from 'node:process';
import type { Run } from '../command.ts';
import { AdminPort, reasonOf, tlsFiles } from '../planned-work/admin-port.ts';

/** The timeout for the response, in milliseconds. */
const patience = 4000;

export const run: Run = async ({ options, stderr }) => {
  const { SLUICE_ADMIN_HOST: host = '', SLUICE_ADMIN_PORT: port = '9127' } = process.env;
  const cert = process.env['SLUICE_ADMIN_TLS_CERT_FILE'];
  const own = host.startsWith('/')
    ? host
    : `${cert === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const name = typeof options['admin'] === 'string' ? options['admin'] : own;
  const admin = new AdminPort(name, tlsFiles(options, cert === undefined ? [] : [cert]));
  const place = options['ready'] === true ? '/readyz' : '/healthz';
  const url = `${admin.name}${place}`;
  try {
    const { status, body } = await admin.request(place, 'GET', patience);
    if (status === 200) return 0;
    stderr.write(`${url} returned HTTP status ${status}: ${body.trim()}\n`);
  } catch (error) {
    stderr.write(`${url} does not respond: ${reasonOf(error, patience)}\n`);
  }
  return 1;
};
