import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audited, configureDecisions } from '@decision-trail/decisions';
import { startSdk, stopSdk } from './telemetry.js';
import type { Seen } from './telemetry.js';

let seen: Seen;
beforeEach(async () => {
  seen = await startSdk();
});
afterEach(async () => {
  configureDecisions({ secrets: undefined });
  await stopSdk();
});

const decide = audited({ model: 'm' })((_input: unknown) => 'ok');

/** What is recorded of an input without any rule of the user's. */
function recorded(input: unknown): unknown {
  seen.logs.length = 0;
  decide(input);
  return seen.records[0]?.input;
}

const hex = (length: number): string => '0123456789abcdef'.repeat(16).slice(0, length);
const word = (length: number): string => 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z'.repeat(8).slice(0, length);
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${word(43)}`;
const pem = (kind: string, body = `${word(64)}\n${word(20)}==\n`): string =>
  `-----BEGIN ${kind}-----\n${body}-----END ${kind}-----`;

describe('values of members that have the name of a secret are masked', () => {
  const names = [
    ['password', 'passwd', 'Passphrase', 'db_password', 'secret', 'clientSecret', 'token', 'access_token', 'authToken'],
    ['x-auth-token', 'X-CSRF-Token', 'apiKey', 'API_KEY', 'api key', 'x-api-key', 'secretKey', 'aws.secret.access.key'],
    [
      'awsSecretAccessKey',
      'private_key',
      'sshPrivateKey',
      'Authorization',
      'proxy-authorization',
      'cookie',
      'Set-Cookie',
    ],
    ['credential', 'userCredentials', 'pwd', 'PWD', 'cvv', 'cvc'],
  ].flat();
  test.each(names)('%s', (name) => {
    expect(recorded({ a: [{ [name]: { any: ['value'] } }], b: 1 })).toEqual({ a: [{ [name]: '***' }], b: 1 });
  });

  const others = [
    [
      'tokens',
      'maxTokens',
      'tokenCount',
      'token_type',
      'passwordLength',
      'secretary',
      'cookies',
      'author',
      'key',
      'keys',
    ],
    ['primaryKey', 'publicKey', 'cwd', 'db_pwd', 'cvcode', 'credentialed', 'authorizations', 'passport', 'keyword'],
  ].flat();
  test.each(others)('but not %s', (name) => {
    expect(recorded({ [name]: 'value' })).toEqual({ [name]: 'value' });
  });
});

describe('secrets in texts are masked, and what they are stays readable', () => {
  const cases: Record<string, [text: string, expected: string]> = {
    'a private key': [
      `key:\n${pem('PRIVATE KEY')}\n`,
      'key:\n-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\n',
    ],
    'a private key of RSA': [pem('RSA PRIVATE KEY'), '-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----'],
    'a private key of OpenSSH': [
      pem('OPENSSH PRIVATE KEY'),
      '-----BEGIN OPENSSH PRIVATE KEY-----***-----END OPENSSH PRIVATE KEY-----',
    ],
    'a private key of PGP': [
      pem('PGP PRIVATE KEY BLOCK'),
      '-----BEGIN PGP PRIVATE KEY BLOCK-----***-----END PGP PRIVATE KEY BLOCK-----',
    ],
    'a private key that is cut off': [pem('EC PRIVATE KEY').slice(0, 90), '-----BEGIN EC PRIVATE KEY-----***'],
    'two private keys': [
      `${pem('PRIVATE KEY')} and ${pem('PRIVATE KEY')}`,
      '-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY----- and -----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----',
    ],
    'bearer credentials': [`sent Bearer ${hex(20)}, refused`, 'sent Bearer ***, refused'],
    'bearer credentials in lower case': ['bearer abc.def-ghi~x', 'bearer ***'],
    'basic credentials': ['Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'Basic ***'],
    'basic credentials without a digit': ['Basic Zjpjamdo', 'Basic ***'],
    'digest credentials': ['Digest username="Mufasa", response="6629fae4"\nnext', 'Digest ***\nnext'],
    'token credentials': [`Token ${hex(40)}`, 'Token ***'],
    'token credentials without a digit': ['token abcdefghijklmnopqrstuvwxyz', 'token ***'],
    'an authorization header': [
      `GET /\r\nAuthorization: Bearer ${word(30)}\r\nHost: a`,
      'GET /\r\nAuthorization: Bearer ***\r\nHost: a',
    ],
    'an authorization header of another scheme': [
      'authorization: AWS4-HMAC-SHA256 Credential=AB/x, Signature=fe5f80',
      'authorization: ***',
    ],
    'a cookie header': ['Cookie: sid=abc; theme=dark\nHost: a', 'Cookie: ***\nHost: a'],
    'a set-cookie header': ['set-cookie: sid=abc; Path=/; HttpOnly', 'set-cookie: ***'],
    'a JSON Web Token': [`got ${JWT}.`, 'got ***'],
    'a JSON Web Token in a URL': [`https://a.test/?jwt=${JWT}&x=1`, 'https://a.test/?jwt=***&x=1'],
    'an encrypted JSON Web Token': [`eyJhbGciOiJkaXIi.${word(8)}..${word(8)}.${word(8)}`, '***'],
    'a key of OpenAI': [`with sk-proj-${word(40)}`, 'with ***'],
    'a key of Stripe': [`sk_live_${word(24)}`, '***'],
    'a restricted key of Stripe': [`(rk_test_${word(24)})`, '(***)'],
    'tokens of GitHub': [
      ['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map((kind) => `${kind}_${word(36)}`).join(' '),
      '*** *** *** *** ***',
    ],
    'a fine-grained token of GitHub': [`github_pat_${word(22)}_${word(59)}`, '***'],
    'a token of GitLab': [`glpat-${word(20)}`, '***'],
    'tokens of Slack': [`xoxb-12-${word(20)} xoxp-34-${word(20)}`, '*** ***'],
    'keys of AWS': [`AKIAIOSFODNN7EXAMPLE, ASIAIOSFODNN7EXAMPLE`, '***, ***'],
    'a key of Google': [`AIza${word(35)}`, '***'],
    'a token of Google': [`ya29.${word(30)}`, '***'],
    'a token of npm': [`//registry.test/:_authToken=npm_${word(36)}`, '//registry.test/:_authToken=***'],
    'a token of Hugging Face': [`hf_${word(34)}`, '***'],
    'a token of DigitalOcean': [`dop_v1_${hex(64)}`, '***'],
    'a key of SendGrid': [`SG.${word(22)}.${word(43)}`, '***'],
    'a password in a URL': ['postgres://app:s3cret@db.test:5432/x', 'postgres://app:***@db.test:5432/x'],
    'a password in a URL without a user': ['redis://:s3cret@cache.test', 'redis://:***@cache.test'],
    'a password with an @ in a URL': ['cannot reach amqp://u:p@ss:w@host/', 'cannot reach amqp://u:***@host/'],
    'an assignment': ['password=hunter2 next', 'password=*** next'],
    'an assignment with blanks': ['DB_PASSWORD = hunter2; x', 'DB_PASSWORD = ***; x'],
    'an assignment in quotes': [`api_key: "a b\\"c" 'x'`, `api_key: "***" 'x'`],
    'an assignment in single quotes': [`{ secret: 'a "b" c', x: 1 }`, `{ secret: '***', x: 1 }`],
    'an assignment of PHP': [`'passwd' => 'a b'`, `'passwd' => '***'`],
    'a query parameter': ['/cb?access_token=ab%20c&state=x', '/cb?access_token=***&state=x'],
    'a parameter with hyphens': ['x-api-key: 12-34, y', 'x-api-key: ***, y'],
    'JSON in a text': ['{"password":"x y","user":"z"}', '{"password":"***","user":"z"}'],
    'JSON with an escaped quote': [String.raw`{"secret":"a\"b\\","user":"z"}`, '{"secret":"***","user":"z"}'],
    'JSON with a number': ['{"cvv": 123, "a": 1}', '{"cvv": ***, "a": 1}'],
    'JSON with an object': ['{"credentials":{"a":[1,"x"]},"b":1}', '{"credentials":***,"b":1}'],
    'JSON in JSON': [
      String.raw`{"body":"{\"token\":\"x \\\"y\\\" z\",\"a\":\"b\"}"}`,
      String.raw`{"body":"{\"token\":\"***\",\"a\":\"b\"}"}`,
    ],
    'JSON that is cut off': ['{"user":"z","password":"abc', '{"user":"z","password":"***'],
    'JSON in JSON that is cut off': [
      String.raw`{"body":"{\"token\":\"abc","a":"b"}`,
      String.raw`{"body":"{\"token\":\"***","a":"b"}`,
    ],
    'a whole name only where it is short': ['pwd=abc cvc: 123 xpwd=abc', 'pwd=*** cvc: *** xpwd=abc'],
    'a card': ['card 4111111111111111.', 'card ***.'],
    'a card in groups': ['4111 1111 1111 1111', '***'],
    'a card with hyphens': ['pay 5500-0000-0000-0004 now', 'pay *** now'],
    'a card of American Express': ['3782 822463 10005', '***'],
    'a card after another number': ['2 4111 1111 1111 1111', '2 ***'],
    'a card in one group after another number': ['12 4111111111111111', '12 ***'],
    'two cards': ['4111111111111111,6011111111111117', '***,***'],
    'a card as a word of a name': ['card_4111111111111111', 'card_***'],
  };
  for (const [name, [text, expected]] of Object.entries(cases)) {
    test(name, () => {
      expect(recorded({ a: text })).toEqual({ a: expected });
      expect(recorded([`${text} \n`])).toEqual([expect.stringContaining(expected.slice(0, 12))]);
    });
  }

  test('a card that is a number, or a name of a member', () => {
    expect(recorded({ n: 4111111111111111, '4111111111111111': 1 })).toEqual({ n: '***', '***': 1 });
  });
});

describe('what only looks a little like a secret stays', () => {
  const texts = [
    ['the bearer of good news', 'bearer authentication', 'Basic information', 'digest of the day', 'token expired'],
    ['tokens: 5', 'max_tokens=100', 'tokenizer: bpe', 'no password given', 'password', 'secretary: Ann', 'key: value'],
    ['password:', 'password=""', '"token":null', 'secret: undefined', 'password=***', 'pass word: x', 'monkey=1'],
    ['scikit: sk-learn-based-classifier', 'risk-assessment-2024-model', 'desk_live_2024', 'ghp_short', 'eyJust.a.word'],
    [
      'SG.1',
      'AKIA',
      'http://host:8080/path',
      'http://host:8080/a@b',
      'mail me@host.test',
      'at 12:30 @home',
      'user@host:/path',
    ],
    ['-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----', '-----BEGIN CERTIFICATE-----'],
    [
      '1764000000000',
      '1764000000000000',
      '4111111111111112',
      '41111111111111110',
      '0.4111111111111111',
      '4111111111111111.5',
    ],
    [
      '5105105105105100123456',
      'a4111111111111111b',
      '411111111111',
      '9999999999999995',
      '550e8400-e29b-41d4-a716-446655440000',
    ],
    ['2024-01-01T00:00:00.000Z', hex(64), 'Jane Doe, 12 High Street', 'INCOME_TOO_LOW', '10.0.0.1:8080'],
  ].flat();
  test.each(texts)('%s', (text) => {
    expect(recorded({ a: text })).toEqual({ a: text });
  });

  test('numbers', () => {
    expect(recorded([1764000000000, 0.4111111111111111, 123456789012345, -1.5e300])).toEqual([
      1764000000000, 0.4111111111111111, 123456789012345, -1.5e300,
    ]);
  });
});

describe('payment card numbers', () => {
  const prefixes: [prefix: string, length: number][] = [
    ['4', 16],
    ['4', 13],
    ['4', 19],
    ['51', 16],
    ['55', 16],
    ['2221', 16],
    ['2720', 16],
    ['34', 15],
    ['37', 15],
    ['6011', 16],
    ['649', 16],
    ['65', 16],
    ['300', 14],
    ['36', 14],
    ['3528', 16],
    ['62', 16],
    ['62', 19],
    ['2200', 16],
    ['6759', 18],
  ];

  /** The check digit, counted the other way round from the code: from the left, by sums of digits. */
  function checkDigit(digits: string): string {
    const sum = [...digits].toReversed().reduce((sum, digit, i) => {
      const weighted = String(Number(digit) * (i % 2 === 0 ? 2 : 1));
      return sum + [...weighted].reduce((a, b) => a + Number(b), 0);
    }, 0);
    return String((10 - (sum % 10)) % 10);
  }

  test('of any issuer are masked with the right check digit, and stay with a wrong one', () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 19, maxLength: 19 });
    const around = fc.constantFrom('', ' ', 'card:', '=', '"', '(', ', ', '\n', '/');
    fc.assert(
      fc.property(
        fc.constantFrom(...prefixes),
        digits,
        fc.integer({ min: 1, max: 9 }),
        around,
        ([prefix, length], rest, off, edge) => {
          const start = (prefix + rest.join('')).slice(0, length - 1);
          const check = checkDigit(start);
          const wrong = String((Number(check) + off) % 10);
          expect(recorded({ a: `${edge}${start}${check}${edge}` })).toEqual({ a: `${edge}***${edge}` });
          expect(recorded({ a: `${edge}${start}${wrong}${edge}` })).toEqual({ a: `${edge}${start}${wrong}${edge}` });
        },
      ),
    );
  });
});

test('"secrets: false" switches all of this off', () => {
  configureDecisions({ secrets: false });
  const input = { password: 'hunter2', text: 'Bearer 0123456789, 4111111111111111' };
  expect(recorded(input)).toEqual(input);
});
