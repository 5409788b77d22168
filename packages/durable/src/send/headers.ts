import { SpoolError } from '../errors.js';

/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

/** What a header may hold: printable ASCII and tabs. Anything above is read differently by different servers. */
const VALUE = /^[\t\u0020-\u007E]{0,8192}$/;

/** The client sets these itself; a second value would contradict the body that is sent. */
const OWN = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Headers from a variable in the form of W3C baggage, `name=value,name=value` with values percent-encoded, as the OTLP
 * exporter specification has it: without the properties that baggage knows behind a semicolon.
 *
 * @throws SpoolError `INVALID_OPTIONS`, with the name of the variable and never a value.
 */
export function parseHeaders(variable: string, text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [index, member] of text.split(',').entries()) {
    // An empty list member is allowed, as at the end.
    if (member.trim() === '') continue;
    const equals = member.indexOf('=');
    const name = member.slice(0, equals).trim();
    if (equals < 0 || member.includes(';') || !TOKEN.test(name)) {
      throw invalid(
        variable,
        `must be name=value pairs with commas between them and values percent-encoded (; is %3B); pair ${index + 1} is not`,
      );
    }
    headers[name] = decode(variable, name, member.slice(equals + 1).trim());
  }
  return requireHeaders(variable, headers);
}

/**
 * Checks headers and puts their names in lower case.
 *
 * @throws SpoolError `INVALID_OPTIONS`, with the name of a header and never its value.
 */
export function requireHeaders(setting: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!TOKEN.test(name)) throw invalid(setting, 'must have names that HTTP allows');
    if (typeof value !== 'string' || !VALUE.test(value)) {
      throw invalid(setting, `must have printable ASCII values of at most 8192 characters; that of ${name} is not`);
    }
    const key = name.toLowerCase();
    if (OWN.has(key)) throw invalid(setting, `must not set ${key}, which is set for each request`);
    checked[key] = value;
  }
  return checked;
}

/**
 * Takes user name and password out of a URL, and gives the `Basic` credentials that they stand for.
 *
 * @throws SpoolError `INVALID_OPTIONS`, with the name of the setting only.
 */
export function takeCredentials(setting: string, url: URL): string | undefined {
  const { username, password } = url;
  if (username === '' && password === '') return undefined;
  url.username = '';
  url.password = '';
  try {
    return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  } catch {
    throw invalid(setting, 'must have its user name and password percent-encoded');
  }
}

function decode(variable: string, name: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw invalid(variable, `must have percent-encoded values; that of ${name} is not`);
  }
}

function invalid(setting: string, must: string): SpoolError {
  return new SpoolError('INVALID_OPTIONS', `${setting} ${must}`);
}
