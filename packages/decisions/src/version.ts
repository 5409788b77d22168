/** The version of this package, the version of its instrumentation scope; a test holds it to package.json. */
export const VERSION = '0.1.0';
