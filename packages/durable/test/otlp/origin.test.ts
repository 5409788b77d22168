import { diag } from '@opentelemetry/api';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { originOf } from '../../src/otlp/origin.js';
import { assembleRequest } from '../../src/otlp/request.js';
import type { Origin } from '../../src/spool/frame.js';
import { attribute, decode } from './decoded.ts';
import type { Decoded } from './decoded.ts';
import { attributes, count, text } from './values.ts';

const SCOPE = { name: 'test' };

/** Resource and scope of an origin, with their schema URLs; no record. */
function seen(origin: Origin): Decoded {
  const frame = {
    kind: 1,
    origin,
    sequence: 1,
    timeMs: 0,
    leafHash: new Uint8Array(32),
    payload: Buffer.from([0x12, 0]),
  } as const;
  const request = decode('ExportLogsServiceRequest', assembleRequest([frame]));
  const [resource] = request['resource_logs'] as [{ scope_logs: [Decoded] }];
  const { log_records: _, ...scope } = resource.scope_logs[0];
  return { ...resource, scope_logs: [scope] };
}

function stock(resource: object, scope: object): Decoded {
  const record = {
    hrTime: [0, 0],
    hrTimeObserved: [0, 0],
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
  };
  const bytes = ProtobufLogsSerializer.serializeRequest([record as unknown as ReadableLogRecord])!;
  const [logs] = decode('ExportLogsServiceRequest', bytes)['resource_logs'] as [{ scope_logs: [Decoded] }];
  const { log_records: _, ...rest } = logs.scope_logs[0];
  return { ...logs, scope_logs: [rest] };
}

const resource = fc.record({ attributes, schemaUrl: text }, { requiredKeys: ['attributes'] });
const scope = fc.record(
  { name: text, version: text, schemaUrl: text, attributes, droppedAttributesCount: count },
  { requiredKeys: ['name'] },
);

test('every origin decodes as it does from the stock serializer', () => {
  const property = fc.property(resource, scope, (resource, scope) => {
    expect(seen(originOf(resource, scope))).toEqual(stock(resource, scope));
  });
  fc.assert(property, { numRuns: 200 });
});

test('the same resource and scope have the same origin, and others another', () => {
  const one = resourceFromAttributes({ 'service.name': 'one' });
  const two = resourceFromAttributes({ 'service.name': 'one' });
  expect(originOf(one, SCOPE)).toBe(originOf(one, SCOPE));
  expect(originOf(two, SCOPE)).not.toBe(originOf(one, SCOPE));
  expect(originOf(one, { ...SCOPE })).not.toBe(originOf(one, SCOPE));
  expect(originOf(one, { ...SCOPE }).resource).toBe(originOf(one, SCOPE).resource);
});

test('attributes that are still being detected are in the origin once they are known', async () => {
  const errors: string[] = [];
  const ignored = (): void => {};
  diag.setLogger({
    error: (message) => void errors.push(message),
    warn: ignored,
    info: ignored,
    debug: ignored,
    verbose: ignored,
  });
  let detected!: (id: string) => void;
  const host = new Promise<string>((resolve) => {
    detected = resolve;
  });
  const resource = resourceFromAttributes({ 'host.id': host, 'service.name': 'app', 'host.name': undefined });
  const before = originOf(resource, SCOPE);
  expect(originOf(resource, SCOPE)).toBe(before);
  expect(attribute((seen(before) as { resource: unknown }).resource, 'service.name')).toEqual({ string_value: 'app' });
  expect(attribute((seen(before) as { resource: unknown }).resource, 'host.id')).toBeUndefined();
  detected('h-1');
  await resource.waitForAsyncAttributes?.();
  const after = originOf(resource, SCOPE);
  expect(after).not.toBe(before);
  expect(originOf(resource, SCOPE)).toBe(after);
  expect(attribute((seen(after) as { resource: unknown }).resource, 'host.id')).toEqual({ string_value: 'h-1' });
  expect(errors).toEqual([]);
  diag.disable();
});

test('a resource that cannot be read, or is too large, says so', () => {
  const throwing = {
    get attributes(): never {
      throw new Error('no');
    },
  };
  for (const resource of [throwing, { attributes: { large: 'x'.repeat(2_000_000) } }]) {
    const { resource: message } = seen(originOf(resource, SCOPE)) as { resource: unknown };
    expect(attribute(message, 'decision.unencoded')).toBeDefined();
  }
});
