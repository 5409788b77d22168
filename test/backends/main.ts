/** `npm run backends`: finds, or else obtains, every backend; one line each. Exit code 1 when one could not be had. */
import { BACKEND_NAMES } from './catalogue.ts';
import { BackendError } from './errors.ts';
import { obtainBackend } from './obtain.ts';

for (const name of BACKEND_NAMES) {
  try {
    const { path, origin, version } = await obtainBackend(name, (line) => console.log(line));
    console.log(`${name.padEnd(10)} ${(version ?? '?').padEnd(8)} ${origin}  ${path}`);
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
