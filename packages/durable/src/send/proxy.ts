import { BlockList, isIP } from 'node:net';
import { SpoolError } from '../errors.js';
import { takeCredentials } from './headers.js';

/** An HTTP proxy. */
export interface Proxy {
  /** Without user name and password. */
  readonly url: URL;
  /** For `Proxy-Authorization`. A secret. */
  readonly authorization?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy through which a URL is reached: the option, else `HTTP_PROXY` or `HTTPS_PROXY` by the scheme of the URL unless
 * `NO_PROXY` names its host. The lower-case variables win, as everywhere.
 *
 * @throws SpoolError `INVALID_OPTIONS`, which never quotes the proxy's URL.
 */
export function proxyFor(url: URL, option: string | undefined, env: Environment): Proxy | undefined {
  if (option !== undefined) return proxy('proxy', option);
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const found = [name, name.toUpperCase()].find((variable) => (env[variable] ?? '').trim() !== '');
  if (found === undefined) return undefined;
  // In a CGI program the header `Proxy` of a request arrives as HTTP_PROXY (CVE-2016-5385).
  if (found === 'HTTP_PROXY' && env['REQUEST_METHOD'] !== undefined) return undefined;
  if (isExempt(url, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  return proxy(found, env[found] ?? '');
}

function proxy(name: string, value: string): Proxy {
  const text = value.trim();
  // `proxy:3128` is what many write, and what curl and Go take.
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SpoolError('INVALID_OPTIONS', `${name} must be the http:// or https:// URL of a proxy`);
  }
  const authorization = takeCredentials(name, url);
  return authorization === undefined ? { url } : { url, authorization };
}

/**
 * Whether `NO_PROXY` names the host of a URL: `*`, a domain with all below it (with or without a dot or `*.` before it), an
 * address, a block of addresses (`10.0.0.0/8`), each but the last with an optional port.
 */
export function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return noProxy.split(/[\s,]+/).some((entry) => entry !== '' && names(entry.toLowerCase(), host, port));
}

function names(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return holds(entry, host);
  const { name, port: only } = splitPort(entry);
  if (only !== undefined && only !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

/** An entry without its port; an IPv6 address has colons of its own, and brackets where a port follows. */
function splitPort(entry: string): { name: string; port?: string } {
  if (isIP(entry) === 6) return { name: entry };
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(entry);
  const name = (parts?.[1] ?? entry).replace(/^\[|\]$/g, '');
  return parts?.[2] === undefined ? { name } : { name, port: parts[2] };
}

function holds(block: string, host: string): boolean {
  const version = isIP(host);
  const [address = '', bits = ''] = block.split('/');
  if (version === 0 || isIP(address) !== version || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(host, family);
}
