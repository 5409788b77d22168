/**
 * Where records come from, encoded once.
 */
import { types } from 'node:util';
import type { Origin } from '../spool/frame.js';
import type { Attributes } from './attributes.js';
import { ByteWriter } from './bytes.js';
import { writeCount, writeGivenAttributes, writeStringField, writeUnencoded } from './message.js';
import type { Unencoded } from './message.js';

/** What of a resource is encoded; the same in both lines. */
export interface ResourceLike {
  readonly attributes?: Attributes | undefined;
  readonly schemaUrl?: string | undefined;
  /** Whether detectors have not answered yet. */
  readonly asyncAttributesPending?: boolean | undefined;
  /** All attributes in order of precedence, those that have not been detected yet as promises. */
  getRawAttributes?(): readonly (readonly [string, unknown])[];
}

/** What of an instrumentation scope is encoded; the same in both lines. */
export interface ScopeLike {
  readonly name: string;
  readonly version?: string | undefined;
  readonly schemaUrl?: string | undefined;
  readonly attributes?: Attributes | undefined;
  readonly droppedAttributesCount?: number | undefined;
}

/** Bytes of one of an origin's two parts at most: it stands in every segment and every request. */
const PART_BYTES_MAX = 1024 * 1024;

const RESOURCE_ATTRIBUTES_TAG = 0x0a;
const SCOPE_ATTRIBUTES_TAG = 0x1a;

interface KnownResource {
  readonly bytes: Uint8Array;
  /** Whether attributes were missing when it was encoded. */
  readonly pending: boolean;
  readonly origins: WeakMap<ScopeLike, Origin>;
}

const resources = new WeakMap<ResourceLike, KnownResource>();

/** Bytes of each; one scope may have several origins, one for each resource. */
const scopes = new WeakMap<ScopeLike, Uint8Array>();

/**
 * The origin of what has this resource and scope: for the same two objects always the same one. While attributes of the resource
 * are still being detected there is one without them, afterwards another one with them. Never throws.
 */
export function originOf(resource: ResourceLike, scope: ScopeLike): Origin {
  let known = resources.get(resource);
  if (known === undefined || (known.pending && !isPending(resource))) {
    // Asked before encoding: what settles meanwhile is encoded next time.
    const pending = isPending(resource);
    known = { pending, bytes: encoded(writeResource, resource), origins: new WeakMap() };
    resources.set(resource, known);
  }
  let origin = known.origins.get(scope);
  if (origin === undefined) {
    origin = { resource: known.bytes, scope: scopeBytes(scope) };
    known.origins.set(scope, origin);
  }
  return origin;
}

function scopeBytes(scope: ScopeLike): Uint8Array {
  let bytes = scopes.get(scope);
  if (bytes === undefined) {
    bytes = encoded(writeScope, scope);
    scopes.set(scope, bytes);
  }
  return bytes;
}

function isPending(resource: ResourceLike): boolean {
  try {
    return resource.asyncAttributesPending === true;
  } catch {
    return false;
  }
}

/** What cannot be read, or is too large to stand in front of records, is an origin that says just that. */
function encoded<T>(write: (writer: ByteWriter, from: T) => void, from: T): Uint8Array {
  const writer = new ByteWriter();
  try {
    write(writer, from);
    if (writer.length <= PART_BYTES_MAX) return bytesOf(writer);
  } catch {
    // Told of in what stands for it.
  }
  writer.reset(0);
  writeUnreadable(writer, write === writeScope ? SCOPE_ATTRIBUTES_TAG : RESOURCE_ATTRIBUTES_TAG);
  return bytesOf(writer);
}

/** A copy: the writer's buffer is larger. */
function bytesOf(writer: ByteWriter): Uint8Array {
  return new Uint8Array(writer.buffer.subarray(0, writer.length));
}

function writeUnreadable(writer: ByteWriter, attributesTag: number): void {
  writer.byte(0x0a);
  const message = writer.open();
  writeUnencoded(writer, attributesTag, ['attributes']);
  writer.close(message);
}

/** Fields 1 and 3 of `ResourceLogs`. */
function writeResource(writer: ByteWriter, resource: ResourceLike): void {
  const unencoded: Unencoded = [];
  writer.byte(0x0a);
  const message = writer.open();
  writeGivenAttributes(writer, RESOURCE_ATTRIBUTES_TAG, attributesOf(resource), unencoded);
  writeUnencoded(writer, RESOURCE_ATTRIBUTES_TAG, unencoded);
  writer.close(message);
  writeStringField(writer, 0x1a, resource.schemaUrl);
}

/** Fields 1 and 3 of `ScopeLogs`. */
function writeScope(writer: ByteWriter, scope: ScopeLike): void {
  const unencoded: Unencoded = [];
  writer.byte(0x0a);
  const message = writer.open();
  writeStringField(writer, 0x0a, scope.name);
  writeStringField(writer, 0x12, scope.version);
  writeGivenAttributes(writer, SCOPE_ATTRIBUTES_TAG, scope.attributes, unencoded);
  writeCount(writer, 0x20, scope.droppedAttributesCount, 'dropped_attributes_count', unencoded);
  writeUnencoded(writer, SCOPE_ATTRIBUTES_TAG, unencoded);
  writer.close(message);
  writeStringField(writer, 0x1a, scope.schemaUrl);
}

function attributesOf(resource: ResourceLike): Attributes | undefined {
  if (!isPending(resource) || resource.getRawAttributes === undefined) return resource.attributes;
  // The SDK reports an error through `diag` where `attributes` is read while some are pending.
  const settled = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of resource.getRawAttributes()) {
    if (value !== undefined && value !== null && !types.isPromise(value) && !(key in settled)) settled[key] = value;
  }
  return settled;
}
