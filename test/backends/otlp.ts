/** The least of OTLP/JSON, and of the query APIs of Loki and Jaeger, that these tests need to see for themselves. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

const FOUND_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const DAY_MS = 86_400_000;

export interface Decision {
  readonly id: string;
  readonly body: string;
  /** The largest of its attributes. */
  readonly input: string;
  readonly timeMs: number;
  readonly instance: string;
  readonly traceId: string;
  readonly spanId: string;
}

export function decision(id: string, overrides: Partial<Decision> = {}): Decision {
  return {
    id,
    body: JSON.stringify({ schema: 'decision/1', id }),
    input: '{}',
    timeMs: Date.now(),
    instance: 'instance-1',
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    ...overrides,
  };
}

/** Posts the decisions as log records in one request. Resolves once they are acknowledged, rejects if they are not. */
export async function postLogs(otlpUrl: string, decisions: readonly Decision[]): Promise<void> {
  const instances = new Set(decisions.map((each) => each.instance));
  const resourceLogs = [...instances].map((instance) => ({
    resource: resource(instance),
    scopeLogs: [{ logRecords: decisions.filter((each) => each.instance === instance).map(logRecord) }],
  }));
  await post(`${otlpUrl}/v1/logs`, { resourceLogs });
}

/** As {@link postLogs}, with spans. */
export async function postSpans(otlpUrl: string, decisions: readonly Decision[]): Promise<void> {
  const resourceSpans = decisions.map((each) => ({
    resource: resource(each.instance),
    scopeSpans: [{ spans: [span(each)] }],
  }));
  await post(`${otlpUrl}/v1/traces`, { resourceSpans });
}

/** The bodies that Loki has, by decision id, of the ids asked for; waits until it has all. */
export async function bodiesInLoki(lokiUrl: string, ids: readonly string[]): Promise<Map<string, string>> {
  const matching = ids.length === 1 ? `| decision_id=\`${ids[0]}\`` : '';
  const search = new URLSearchParams({
    query: `{service_name="backends-test"} ${matching}`,
    start: nanoseconds(Date.now() - 29 * DAY_MS),
    end: nanoseconds(Date.now() + DAY_MS),
    limit: '5000',
  });
  return eventually(async () => {
    const answer = (await getJson(`${lokiUrl}/loki/api/v1/query_range?${search.toString()}`)) as LokiAnswer;
    const bodies = new Map<string, string>();
    for (const { stream, values } of answer.data.result) {
      for (const [, line] of values) bodies.set(stream['decision_id'] ?? '', line);
    }
    const missing = ids.filter((id) => !bodies.has(id));
    if (missing.length > 0) throw new Error(`Loki lacks ${missing.length} of ${ids.length}, such as ${missing[0]}`);
    return new Map(ids.map((id) => [id, bodies.get(id) ?? '']));
  });
}

/** The trace that Jaeger finds by decision id; waits until it finds one. */
export async function traceInJaeger(jaegerUrl: string, id: string): Promise<string> {
  const search = new URLSearchParams({ service: 'backends-test', tags: JSON.stringify({ 'decision.id': id }) });
  return eventually(async () => {
    const answer = (await getJson(`${jaegerUrl}/api/traces?${search.toString()}`)) as {
      data: readonly { traceID: string }[];
    };
    const [trace] = answer.data;
    if (trace === undefined) throw new Error(`Jaeger has no trace of ${id}`);
    return trace.traceID;
  });
}

interface LokiAnswer {
  readonly data: {
    readonly result: readonly { stream: Record<string, string>; values: readonly [string, string][] }[];
  };
}

function resource(instance: string): object {
  return { attributes: [text('service.name', 'backends-test'), text('service.instance.id', instance)] };
}

function logRecord({ id, body, input, timeMs, traceId, spanId }: Decision): object {
  return {
    timeUnixNano: nanoseconds(timeMs),
    eventName: 'decision.made',
    body: { stringValue: body },
    attributes: [text('decision.id', id), text('decision.input', input)],
    traceId,
    spanId,
  };
}

function span({ id, timeMs, traceId, spanId }: Decision): object {
  return {
    traceId,
    spanId,
    name: 'decision test',
    kind: 1,
    startTimeUnixNano: nanoseconds(timeMs),
    endTimeUnixNano: nanoseconds(timeMs + 1),
    attributes: [text('decision.id', id)],
  };
}

function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

function nanoseconds(timeMs: number): string {
  return `${timeMs}000000`;
}

async function post(url: string, payload: object): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(payload) });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${answer}`);
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Tries until it succeeds; rejects with the last reason after a minute. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + FOUND_TIMEOUT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}
