/**
 * Secrets at every place from which something could leave the process, with redaction set up as an application would set
 * it up: none of them may be found in anything that leaves, in no form in which it could be read. Each place is tried
 * without redaction as well, which proves that what is put there does leave, and that the search finds it.
 */
import { createHash } from 'node:crypto';
import * as api from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  audited,
  configureDecisions,
  currentDecision,
  recordDecision,
  recordOutcome,
  recordReview,
  startDecision,
} from '@decision-trail/decisions';
import type { DecisionOptions, DecisionSettings } from '@decision-trail/decisions';
import { startSdk, stopSdk, useLoggerProvider } from './telemetry.js';
import type { Seen } from './telemetry.js';

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

const REDACTION: DecisionSettings = {
  redact: [
    { path: '/applicant/ssn', method: 'drop' },
    { path: '/items/*/pin', method: 'mask' },
    { path: '/**/note', method: 'mask' },
    { path: '/model/version', method: 'mask' },
    { path: '/decision/raw/**', method: 'drop' },
    { key: 'diagnosis', method: 'mask' },
    { key: 'iban', method: 'hash' },
    { key: 'email', method: 'encrypt' },
    { pattern: /CANARY-\d+-kwartz/, method: 'mask' },
  ],
  hashKey: { id: 'k1', key: 'a key of at least 16 bytes' },
  encrypt: (text) => `enc:${sha256(`salt ${text}`).slice(0, 16)}`,
};
const NO_REDACTION: DecisionSettings = {
  redact: undefined,
  hashKey: undefined,
  encrypt: undefined,
  secrets: false,
};

/** What a secret looks like. */
const SECRETS = {
  /** Fits the pattern of the rules. */
  matched: (id: number) => `CANARY-${id}-kwartz`,
  /** Fits no pattern, and looks different in JSON, in a URL and in bytes. */
  named: (id: number) => `zo"é ${id}/kwartz~(!)`,
  /** Fits no pattern, and looks the same everywhere. */
  word: (id: number) => `kwartz${id}zebra`,
  /** A number of a payment card, by its check digit. */
  card: (id: number) => withCheckDigit(`4000${String(id).padStart(11, '7')}`),
} satisfies Record<string, (id: number) => string>;

function withCheckDigit(digits: string): string {
  const sum = Array.from(digits).reduceRight((sum, digit, index) => {
    const weighted = Number(digit) * ((digits.length - index) % 2 === 1 ? 2 : 1);
    return sum + (weighted > 9 ? weighted - 9 : weighted);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

interface Place {
  secret: keyof typeof SECRETS;
  /** Puts the secret there, and lets a decision be made. */
  put: (secret: string) => unknown;
  /** What else would give the secret away: a digest of a text in which nothing else is unknown. */
  also?: (secret: string) => string[];
  /** Whether it does not leave without redaction either: nothing of that kind is recorded. */
  never?: boolean;
  /** Settings beside those of all places. */
  settings?: DecisionSettings;
}

/** One decision about an input. */
function decide(input: unknown, options: Partial<DecisionOptions> = {}): void {
  audited({ model: 'm', ...options })((_input: unknown): unknown => 'ok')(input);
}

/** One decision about an input, which fails. */
function failing(error: unknown, input: unknown = 1, options: Partial<DecisionOptions> = {}): void {
  try {
    audited({ model: 'm', ...options })((_input: unknown): unknown => {
      throw error;
    })(input);
  } catch {
    // The caller gets the error as it is, which is none of our business here.
  }
}

function deep(levels: number, inner: object): object {
  let value = inner;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { value } : [value];
  return value;
}

function withBaggage(key: string, value: string, run: () => void): void {
  const baggage = api.propagation.createBaggage({ [key]: { value } });
  api.context.with(api.propagation.setBaggage(api.context.active(), baggage), run);
}

const jwt = (payload: string): string =>
  `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(payload).toString('base64url')}.${'aB3dE5gH7jK9'.repeat(3)}`;
const pem = (body: string): string => `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----`;
const ID = '01a20b35-4a73-7218-9da7-9ae961a6aabb';

const inputs: Record<string, Place> = {
  'a field by its path': { secret: 'named', put: (ssn) => decide({ applicant: { ssn, age: 3 } }) },
  'an item of a list': { secret: 'named', put: (pin) => decide({ items: [{ pin: 1 }, { pin }] }) },
  'a field 60 levels deep': { secret: 'named', put: (note) => decide(deep(60, { note })) },
  'a field below the levels that are recorded': {
    secret: 'named',
    put: (note) => decide(deep(300, { note })),
    never: true,
  },
  'a field by its name': { secret: 'named', put: (diagnosis) => decide({ a: [{ Diagnosis: diagnosis }] }) },
  'a field that is hashed': { secret: 'named', put: (iban) => decide({ iban }), also: (iban) => [sha256(iban)] },
  'a field that is encrypted': { secret: 'named', put: (email) => decide({ email }) },
  'all that is in a masked field': { secret: 'named', put: (secret) => decide({ diagnosis: { codes: [{ secret }] } }) },
  'a text that a pattern fits': { secret: 'matched', put: (secret) => decide({ a: `before ${secret}, after` }) },
  'a text of JSON, beside the field': {
    secret: 'word',
    put: (diagnosis) => decide({ diagnosis, all: JSON.stringify({ diagnosis }) }),
  },
  'the text of the whole input': { secret: 'matched', put: (secret) => decide(secret) },
  'one of several arguments': {
    secret: 'matched',
    put: (secret) => audited({ model: 'm' })((..._args: unknown[]) => 'ok')(1, secret),
  },
  'the name of a member': { secret: 'matched', put: (secret) => decide({ [secret]: { b: Number.NaN } }) },
  'the name of a member around what is cut': {
    secret: 'matched',
    put: (secret) => decide({ [secret]: deep(250, {}) }),
  },
  'the key of a Map': { secret: 'matched', put: (secret) => decide(new Map([[secret, 1]])) },
  'the value of a Map': { secret: 'named', put: (secret) => decide(new Map([['diagnosis', secret]])) },
  'a Set': { secret: 'matched', put: (secret) => decide(new Set(['a', secret])) },
  'what toJSON gives': { secret: 'named', put: (diagnosis) => decide({ toJSON: () => ({ diagnosis }) }) },
  'what toJSON gives, as text': { secret: 'matched', put: (secret) => decide({ toJSON: () => `a ${secret}` }) },
  'a getter of a class': {
    secret: 'named',
    put: (secret) =>
      decide(
        new (class Patient {
          constructor() {
            Object.defineProperty(this, 'diagnosis', { get: () => secret, enumerable: true });
          }
        })(),
      ),
  },
  'the description of a symbol': {
    secret: 'matched',
    put: (secret) => decide({ a: Symbol(secret), [Symbol(secret)]: 1 }),
    never: true,
  },
  'the name of an error that a getter throws': {
    secret: 'matched',
    put: (secret) =>
      decide({
        get a() {
          throw Object.assign(new Error(secret), { name: secret });
        },
      }),
  },
  'a boxed text': { secret: 'matched', put: (secret) => decide({ a: Object(secret) as unknown }) },
  'a regular expression': { secret: 'matched', put: (secret) => decide(new RegExp(secret)) },
  'an error in the input': { secret: 'matched', put: (secret) => decide([new Error(`about ${secret}`)]) },
  'a Buffer': { secret: 'matched', put: (secret) => decide(Buffer.from(`x ${secret} y`)) },
  'a Buffer of UTF-16': { secret: 'matched', put: (secret) => decide(Buffer.from(secret, 'utf16le')) },
  'a Buffer with what was masked elsewhere': {
    secret: 'named',
    put: (diagnosis) => decide({ diagnosis, raw: Buffer.from(diagnosis) }),
  },
  'a Buffer under the name of a secret': {
    secret: 'named',
    put: (password) => decide({ password: Buffer.from(password) }),
  },
  'a Buffer too large to be recorded': {
    secret: 'matched',
    put: (secret) => decide(Buffer.from(secret.padEnd(5000, 'x'))),
    never: true,
  },
  'character codes': { secret: 'matched', put: (secret) => decide(Uint16Array.from(Buffer.from(secret))) },
  'texts in a tensor': {
    secret: 'matched',
    put: (secret) => decide({ type: 'string', dims: [1], data: [secret] }),
  },
  'the beginning of a text that is cut': {
    secret: 'matched',
    put: (secret) => decide(`${secret} ${'x'.repeat(200_000)}`),
    also: (secret) => [sha256(JSON.stringify(`${secret} ${'x'.repeat(200_000)}`))],
  },
  'a text that is cut in the middle of it': {
    secret: 'matched',
    put: (secret) => decide(`${'x'.repeat(32 * 1024 - 6)}${secret}${'x'.repeat(100_000)}`),
    also: (secret) => [secret.slice(0, 6)],
    never: true,
  },
  'a part that is cut': {
    secret: 'named',
    put: (diagnosis) => decide({ diagnosis, rest: Array.from({ length: 30_000 }, (_, i) => i) }),
    also: (diagnosis) => [sha256(JSON.stringify({ diagnosis, rest: Array.from({ length: 30_000 }, (_, i) => i) }))],
  },
  'a field that is copied to an attribute': {
    secret: 'named',
    put: (note) => decide({ note }, { index: ['note'] }),
  },
};

const secrets: Record<string, Place> = {
  'an authorization header': {
    secret: 'word',
    put: (secret) => decide(new Headers({ authorization: `Bearer ${secret}` })),
  },
  'a header in a list of pairs': { secret: 'word', put: (secret) => decide({ headers: [['X-Api-Key', secret]] }) },
  'a cookie': { secret: 'word', put: (secret) => decide({ headers: { cookie: `sid=${secret}; theme=dark` } }) },
  'a bearer token in a text': { secret: 'word', put: (secret) => decide(`curl -H "Authorization: Bearer ${secret}"`) },
  'credentials in base64': {
    secret: 'word',
    put: (secret) => decide(`sent Basic ${Buffer.from(`app:${secret}`).toString('base64')}`),
  },
  'a JSON Web Token': { secret: 'word', put: (secret) => decide({ a: `got ${jwt(`{"sub":"${secret}"}`)}` }) },
  'a private key': { secret: 'word', put: (secret) => decide({ a: pem(secret) }) },
  'a payment card': { secret: 'card', put: (card) => decide({ a: `paid with ${card}` }) },
  'a payment card as a number': { secret: 'card', put: (card) => decide({ a: Number(card) }) },
  'the query of a URL': {
    secret: 'word',
    put: (secret) => decide(new URL(`https://a.test/b?x=1&access_token=${secret}#end`)),
  },
  'the query of a URL, as parameters': {
    secret: 'named',
    put: (password) => decide(new URLSearchParams({ password })),
  },
  'the password in a URL': { secret: 'word', put: (secret) => decide({ db: `postgres://app:${secret}@db.test/x` }) },
  'JSON in a text': { secret: 'named', put: (password) => decide(JSON.stringify({ a: { password } })) },
  'JSON in JSON in a text': {
    secret: 'named',
    put: (password) => decide(JSON.stringify(JSON.stringify({ password }))),
  },
  'an assignment in a text': { secret: 'word', put: (secret) => decide(`run --api-key=${secret} --verbose`) },
  'a field of a form': {
    secret: 'named',
    put: (password) => {
      const form = new FormData();
      form.append('password', password);
      decide(form);
    },
  },
};

/** The secret is masked in the input, and quoted somewhere else. */
const quoted: Record<string, Place> = {
  'an error message': {
    secret: 'named',
    put: (diagnosis) => failing(new RangeError(`cannot price "${diagnosis}"`), { diagnosis }),
  },
  'an error message, as JSON': {
    secret: 'named',
    put: (diagnosis) => failing(new Error(JSON.stringify({ got: diagnosis })), { diagnosis }),
  },
  'an error message, in a URL': {
    secret: 'named',
    put: (diagnosis) => failing(new Error(`GET /?q=${encodeURIComponent(diagnosis)}`), { diagnosis }),
  },
  'an error message, in the query of a URL': {
    secret: 'named',
    put: (diagnosis) => failing(new Error(`GET /?${String(new URLSearchParams({ q: diagnosis }))}`), { diagnosis }),
  },
  'an error message, in the path of a URL': {
    secret: 'named',
    put: (diagnosis) =>
      failing(new Error(`GET ${new URL(diagnosis.replace('/', ''), 'http://a.test/').href}`), {
        diagnosis: diagnosis.replace('/', ''),
      }),
  },
  'the text of a reason': {
    secret: 'named',
    put: (diagnosis) => decide({ diagnosis }, { reasons: () => [{ code: 'R', text: `because of ${diagnosis}` }] }),
  },
  'the code of a reason': {
    secret: 'named',
    put: (diagnosis) => decide({ diagnosis }, { reasons: () => [{ code: `R-${diagnosis}` }] }),
  },
  'the id of the subject': {
    secret: 'named',
    put: (ssn) => decide({ applicant: { ssn } }, { subject: () => ({ id: ssn, type: ssn }) }),
  },
  'the id of the actor': { secret: 'named', put: (email) => decide({ email }, { actor: () => ({ id: email }) }) },
  'an attribute, told before the input is known to be masked': {
    secret: 'named',
    put: (diagnosis) => audited({ model: 'm', attributes: { said: `it is ${diagnosis}` } })(() => ({ diagnosis }))(),
  },
  'the decision': {
    secret: 'named',
    put: (iban) => audited({ model: 'm' })((input: { iban: string }) => ({ account: input.iban }))({ iban }),
  },
  'a decision that is a text': {
    secret: 'named',
    put: (diagnosis) => audited({ model: 'm' })((input: { diagnosis: string }) => input.diagnosis)({ diagnosis }),
  },
  'an alternative': {
    secret: 'named',
    put: (diagnosis) => decide({ diagnosis }, { alternatives: () => [{ decision: diagnosis, score: 0.1 }] }),
  },
  'an item of a stream': {
    secret: 'named',
    put: (diagnosis) => [
      ...audited({ model: 'm' })(function* (input: { diagnosis: string }) {
        yield `said ${input.diagnosis}`;
      })({ diagnosis }),
    ],
  },
  'the error of a batch, about another row': {
    secret: 'named',
    put: (diagnosis) => {
      const fail = audited({ model: 'm', batch: true })((rows: { diagnosis: string }[]): string[] => {
        throw new Error(`row 1: ${rows[1]!.diagnosis}`);
      });
      expect(() => fail([{ diagnosis: 'a cold' }, { diagnosis }, { diagnosis: 'a cough' }])).toThrow('row 1');
    },
  },
  'the error of a decision around it': {
    secret: 'named',
    put: (diagnosis) => {
      const inner = audited({ model: 'inner' })((input: { diagnosis: string }): string => {
        throw new Error(`no price for ${input.diagnosis}`);
      });
      const outer = audited({ model: 'outer' })((_id: number) => inner({ diagnosis }));
      expect(() => outer(1)).toThrow('no price');
    },
  },
  'the input of a decision inside': {
    secret: 'named',
    put: (diagnosis) => {
      const inner = audited({ model: 'inner' })((_text: string) => 'ok');
      audited({ model: 'outer' })((input: { diagnosis: string }) => inner(`about ${input.diagnosis}`))({ diagnosis });
    },
  },
};

const results: Record<string, Place> = {
  'the message of an error': { secret: 'matched', put: (secret) => failing(new Error(`about ${secret}`)) },
  'the message of an error, where it is cut': {
    secret: 'matched',
    put: (secret) => failing(new Error(`${'x'.repeat(1020)}${secret}`)),
    also: () => ['CANA'],
    never: true,
  },
  'the name of an error': {
    secret: 'matched',
    put: (secret) => failing(Object.assign(new Error('x'), { name: secret })),
  },
  'the stack of an error': {
    secret: 'matched',
    put: (secret) => failing(Object.assign(new Error('x'), { stack: `Error: ${secret}\n    at ${secret}` })),
    never: true,
  },
  'the cause of an error': {
    secret: 'matched',
    put: (secret) => failing(new Error('x', { cause: new Error(secret, { cause: secret }) })),
    never: true,
  },
  'the errors of an AggregateError': {
    secret: 'matched',
    put: (secret) => failing(new AggregateError([new Error(secret), secret], 'all failed')),
    never: true,
  },
  'a text that is thrown': { secret: 'matched', put: (secret) => failing(`about ${secret}`) },
  'an object that is thrown': { secret: 'named', put: (diagnosis) => failing({ diagnosis }) },
  'what a promise is rejected with': {
    secret: 'matched',
    put: (secret) =>
      audited({ model: 'm' })(async () => {
        throw new Error(secret);
      })().catch(() => 'as expected'),
  },
  'the decision': { secret: 'named', put: (diagnosis) => audited({ model: 'm' })(() => ({ diagnosis }))() },
  'a decision that is a text': { secret: 'matched', put: (secret) => audited({ model: 'm' })(() => secret)() },
  'the text of a reason': {
    secret: 'matched',
    put: (secret) => decide(1, { reasons: () => [{ code: 'R', text: secret }] }),
  },
  'the code of a reason': { secret: 'matched', put: (secret) => decide(1, { reasons: () => [{ code: secret }] }) },
  'an alternative': {
    secret: 'named',
    put: (diagnosis) => decide(1, { alternatives: () => [{ decision: { diagnosis } }] }),
  },
  'an attribute by its name': { secret: 'named', put: (diagnosis) => decide(1, { attributes: { diagnosis } }) },
  'the name of an attribute': { secret: 'matched', put: (secret) => decide(1, { attributes: { [secret]: 1 } }) },
  'the id of the subject': { secret: 'matched', put: (id) => decide(1, { subject: () => ({ id }) }) },
  'the type of the subject': { secret: 'matched', put: (type) => decide(1, { subject: () => ({ id: 'a', type }) }) },
  'the id of the actor': { secret: 'matched', put: (id) => decide(1, { actor: { id } }) },
  'a row of a batch': {
    secret: 'named',
    put: (diagnosis) => audited({ model: 'm', batch: true })((rows: unknown[]) => rows.map(() => 1))([{ diagnosis }]),
  },
  'the decision about a row of a batch': {
    secret: 'named',
    put: (diagnosis) => audited({ model: 'm', batch: true })((rows: unknown[]) => rows.map(() => ({ diagnosis })))([1]),
  },
  'an item of a stream': {
    secret: 'named',
    put: (diagnosis) => [
      ...audited({ model: 'm' })(function* () {
        yield { diagnosis };
      })(),
    ],
  },
  'a masked part of what a stream yields': {
    secret: 'named',
    put: (raw) => [
      ...audited({ model: 'm', redact: [{ path: '/decision', method: 'drop' }] })(function* () {
        yield { raw };
      })(),
    ],
    never: true,
  },
  'what a generator returns': {
    secret: 'matched',
    put: (secret) => [
      ...audited({ model: 'm' })(function* () {
        yield 1;
        return secret;
      })(),
    ],
  },
  'the reason of a consumer that wants no more': {
    secret: 'matched',
    put: (secret) => {
      const generator = audited({ model: 'm' })(function* () {
        yield 1;
      })();
      generator.next();
      generator.return(secret as never);
    },
  },
  'the reason of an AbortSignal': {
    secret: 'matched',
    put: (secret) => {
      const stop = new AbortController();
      const generator = audited({ model: 'm' })(function* (_signal: AbortSignal) {
        yield 1;
        yield 2;
      })(stop.signal);
      generator.next();
      stop.abort(new Error(`stopped by ${secret}`));
      generator.return(undefined);
    },
  },
};

const around: Record<string, Place> = {
  'the baggage, as subject': {
    secret: 'matched',
    put: (secret) => withBaggage('who', secret, () => decide(1, { baggage: { subject: 'who' } })),
  },
  'the baggage, as actor': {
    secret: 'matched',
    put: (secret) => withBaggage('who', secret, () => decide(1, { baggage: { actor: 'who' } })),
  },
  'the baggage, as an attribute': {
    secret: 'named',
    put: (secret) => withBaggage('diagnosis', secret, () => decide(1, { baggage: { attributes: ['diagnosis'] } })),
  },
  'the baggage, which nobody asked for': {
    secret: 'matched',
    put: (secret) => withBaggage('who', secret, () => decide(1)),
    never: true,
  },
  'settings of the process': {
    secret: 'matched',
    put: (secret) => {
      configureDecisions({ actor: { id: secret }, attributes: { note: secret, said: secret } });
      decide(1);
    },
  },
  'the version of the model, told later': {
    secret: 'named',
    put: (version) => audited({ model: 'm' })(() => currentDecision()?.update({ model: { version } }))(),
  },
  'what is told of the decision while it is made': {
    secret: 'matched',
    put: (secret) =>
      audited({ model: 'm' })(() =>
        currentDecision()?.update({
          reasons: [{ code: secret }],
          subject: { id: secret },
          attributes: { a: secret },
          model: { provider: secret },
        }),
      )(),
  },
  'a decision inside a decision': {
    secret: 'named',
    put: (diagnosis) => audited({ model: 'outer' })(() => decide({ diagnosis }))(),
  },
  'a decision that is recorded by hand': {
    secret: 'named',
    put: (diagnosis) =>
      recordDecision({ model: 'm', input: { diagnosis }, decision: diagnosis, attributes: { diagnosis } }),
  },
  'a decision that is started by hand': {
    secret: 'matched',
    put: (secret) => startDecision({ model: 'm', input: secret, subject: { id: secret } }).fail(new Error(secret)),
  },
  'the value of an outcome': {
    secret: 'named',
    put: (diagnosis) => recordOutcome(ID, { label: 'late', value: { diagnosis } }),
  },
  'the label and the source of an outcome': {
    secret: 'matched',
    put: (secret) => recordOutcome(ID, { label: secret, source: secret }),
  },
  'the rationale of a review': {
    secret: 'matched',
    put: (secret) => recordReview(ID, { reviewer: { id: 'r' }, action: 'confirm', rationale: `for ${secret}` }),
  },
  'the reviewer': {
    secret: 'matched',
    put: (id) => recordReview(ID, { reviewer: { id, type: id }, action: 'confirm' }),
  },
  'the decision of a review, quoted in its rationale': {
    secret: 'named',
    put: (diagnosis) =>
      recordReview(ID, {
        reviewer: { id: 'r' },
        action: 'override',
        decision: { diagnosis },
        rationale: `not ${diagnosis}`,
      }),
  },
};

const CALLBACKS = ['input', 'decision', 'score', 'threshold', 'reasons', 'alternatives', 'subject', 'actor'] as const;

const failures: Record<string, Place> = {
  ...Object.fromEntries(
    [...CALLBACKS, 'attributes' as const].map((name): [string, Place] => [
      `the error that the callback "${name}" throws`,
      {
        secret: 'matched',
        put: (secret) => {
          const thrown = Object.assign(new Error(secret, { cause: secret }), { name: `E ${secret}`, stack: secret });
          decide(1, {
            [name]: () => {
              throw thrown;
            },
          });
        },
        // The kind of the error stands in the record where a value would.
        never: name !== 'input' && name !== 'decision',
      },
    ]),
  ),
  'what a callback gives that cannot be used': {
    secret: 'matched',
    put: (secret) =>
      decide(1, { score: () => secret as never, reasons: () => secret as never, subject: () => secret as never }),
    never: true,
  },
  'the error that the hook "encrypt" throws': {
    secret: 'named',
    settings: {
      encrypt: (text) => {
        throw Object.assign(new Error(`cannot encrypt ${text}`), { name: text });
      },
    },
    put: (email) => failing(new Error(`no such address: ${email}`), { email, again: email }),
  },
  'what the hook "encrypt" gives that is no text': {
    secret: 'named',
    settings: { encrypt: ((text: string) => ({ text })) as never },
    put: (email) => decide({ email, again: [email] }),
  },
  'a value that is quoted by the hook "encrypt"': {
    secret: 'named',
    settings: {
      encrypt: (text, { path }) => {
        throw new Error(`${path} ${text}`);
      },
    },
    put: (email) => audited({ model: 'm' })(() => ({ email, text: `mail ${email}` }))(),
  },
  'the error that the callback "batch" throws': {
    secret: 'matched',
    put: (secret) =>
      audited({
        model: 'm',
        batch: {
          rows: () => {
            throw new Error(secret);
          },
          decisions: () => [],
        },
      })(() => 1)(),
    never: true,
  },
  'a logger that fails, quoting the record': {
    secret: 'matched',
    put: async (secret) => {
      // The error of a processor may quote what it was given; only its kind is told.
      const emit = (): never => {
        throw Object.assign(new Error(secret), { name: `E ${secret}` });
      };
      await useLoggerProvider({ getLogger: () => ({ emit }) });
      decide(1);
    },
    never: true,
  },
};

const groups = { inputs, secrets, quoted, results, around, failures };
const places = Object.entries(groups).flatMap(([group, members]) =>
  Object.entries(members).map(([name, place]): [string, Place] => [`${group}: ${name}`, place]),
);

let seen: Seen;
let said: unknown[][];
beforeEach(async () => {
  seen = await startSdk();
  said = [];
  const say = (...parts: unknown[]): void => void said.push(parts);
  const logger = { error: say, warn: say, info: say, debug: say, verbose: say };
  api.diag.setLogger(logger, { logLevel: api.DiagLogLevel.ALL, suppressOverrideMessage: true });
});
afterEach(async () => {
  configureDecisions({ ...NO_REDACTION, secrets: undefined, actor: undefined, attributes: undefined });
  await stopSdk();
});

/** Everything that left the process. */
function everything(): string {
  const spans = seen.spans as unknown as (Seen['spans'][number] & { links: unknown })[];
  const texts = [
    ...seen.logs.flatMap(({ body, eventName, severityText, attributes }) => [
      body,
      eventName,
      severityText,
      attributes,
    ]),
    ...spans.flatMap(({ name, status, attributes, events, links }) => [name, status, attributes, events, links]),
    // An error that is handed to a diag logger is printed with all that is in it.
    ...said
      .flat()
      .flatMap((part) => (part instanceof Error ? [part.name, part.message, part.stack, part.cause] : [part])),
  ];
  return texts.map((text) => (typeof text === 'string' ? text : JSON.stringify(text))).join('\n');
}

/** The forms in which a secret could be read. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // The base64 of a text somewhere in other bytes, by its place in them; its ends depend on what is around.
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(offset === 0 ? 0 : 4, Math.floor(text.length / 4) * 4);
  });
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    ...new Set([
      secret,
      json,
      JSON.stringify(json).slice(1, -1),
      JSON.stringify(JSON.stringify(json).slice(1, -1)).slice(1, -1),
      encodeURIComponent(secret),
      encodeURI(secret),
      String(new URLSearchParams({ a: secret })).slice(2),
      new URL(secret.replace('/', ''), 'http://a.test/').pathname.slice(1),
      ...base64,
      ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
      Buffer.from(secret, 'utf16le').toString('base64').slice(0, -4),
      bytes.toString('hex'),
      bytes.toString('hex').toUpperCase(),
      bytes.join(','),
      bytes.toString('latin1'),
      Array.from(secret).toReversed().join(''),
    ]),
  ];
}

/** What of a secret can be found in a text. */
function found(place: Place, secret: string, text: string): string[] {
  return [...formsOf(secret), ...(place.also?.(secret) ?? [])].filter((form) => text.includes(form));
}

test('there are as many places as it says, with a secret of its own in each', () => {
  expect(places.length).toBeGreaterThanOrEqual(100);
  const all = places.map(([, place], id) => SECRETS[place.secret](100 + id));
  expect(new Set(all).size).toBe(places.length);
});

describe('the search finds a secret', () => {
  const secret = 'zo"é 7/kwartz~(!)';
  test.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: secret }) })],
    ['in a URL', `http://a.test/?q=${encodeURIComponent(secret)}`],
    ['in base64, after one byte', Buffer.from(`1${secret}2`).toString('base64')],
    ['in base64, after two bytes', Buffer.from(`12${secret}`).toString('base64')],
    ['in base64 for URLs', Buffer.from(`123${secret}`).toString('base64url')],
    ['in hexadecimal digits', Buffer.from(`1${secret}`).toString('hex')],
    ['as character codes', JSON.stringify([...Buffer.from(`1${secret}`)])],
  ])('%s', (_, text) => {
    expect(found({ secret: 'named', put: () => {} }, secret, `before ${text} after`)).not.toEqual([]);
    expect(found({ secret: 'named', put: () => {} }, 'zo"é 8/kwartz~(!)', `before ${text} after`)).toEqual([]);
  });
});

describe('with redaction nothing of it leaves', () => {
  test.each(places.map(([name, place], index) => [name, place, 100 + index] as const))('%s', async (_, place, id) => {
    const secret = SECRETS[place.secret](id);
    configureDecisions({ ...REDACTION, secrets: undefined, ...place.settings });
    await place.put(secret);
    const text = everything();
    expect(text.length).toBeGreaterThan(100);
    expect(found(place, secret, text)).toEqual([]);
  });
});

describe('without redaction it does leave, so that the test above can fail', () => {
  test.each(places.map(([name, place], index) => [name, place, 100 + index] as const))('%s', async (_, place, id) => {
    const secret = SECRETS[place.secret](id);
    configureDecisions(NO_REDACTION);
    await place.put(secret);
    const isFound = formsOf(secret).some((form) => everything().includes(form));
    expect(isFound).toBe(place.never !== true);
  });
});
