import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** What a client did wrong; the server answers with it. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const FEATURES = 4;
const CLASSES = 3;

/**
 * Stands for remote model servers: it answers as they do, and refuses what they would refuse.
 *
 * - `/v2/models/iris/infer`, as the Open Inference Protocol, version 2, has it;
 * - `/v1/models/iris/versions/3:predict`, as the REST API of TensorFlow Serving has it, in row format;
 * - `/fraud`, a service of one's own.
 */
export async function startModelServer(): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
  try {
    const service = SERVICES[`${request.method} ${request.url}`];
    if (service === undefined) throw new Refusal(404, `there is no ${request.url}`);
    return { status: 200, body: service((await json(request)) as object) };
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, body: { error: error.message } };
    return { status: 400, body: { error: 'the request is no JSON' } };
  }
}

const SERVICES: Record<string, (body: object) => unknown> = {
  'POST /v2/models/iris/infer': infer,
  'POST /v1/models/iris/versions/3:predict': predict,
  'POST /fraud': fraud,
};

/** https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md */
function infer(body: { inputs?: unknown }): unknown {
  const [input] = Array.isArray(body.inputs) ? (body.inputs as Record<string, unknown>[]) : [];
  if (input === undefined) throw new Refusal(400, 'there are no inputs');
  const { name, shape, datatype, data } = input;
  if (typeof name !== 'string' || datatype !== 'FP32') throw new Refusal(400, 'the input has no name, or is not FP32');
  if (!Array.isArray(shape) || shape.length !== 2 || shape[1] !== FEATURES) {
    throw new Refusal(400, `expected the shape [-1, ${FEATURES}]`);
  }
  const numbers = Array.isArray(data) ? (data.flat() as unknown[]) : [];
  if (!isNumbers(numbers) || numbers.length !== shape[0] * FEATURES) throw new Refusal(400, 'shape and data differ');
  const rows = Array.from({ length: shape[0] as number }, (_, row) =>
    numbers.slice(row * FEATURES, (row + 1) * FEATURES),
  );
  const outputs = [{ name: 'label', shape: [rows.length], datatype: 'INT64', data: rows.map(classify) }];
  return { model_name: 'iris', model_version: '3', outputs };
}

/** https://www.tensorflow.org/tfx/serving/api_rest#predict_api */
function predict({ instances }: { instances?: unknown }): unknown {
  if (!Array.isArray(instances)) throw new Refusal(400, "Missing 'inputs' or 'instances' key");
  if (!instances.every((row): row is number[] => isNumbers(row) && row.length === FEATURES)) {
    throw new Refusal(400, `expected instances of ${FEATURES} numbers`);
  }
  const probabilities = (label: number): number[] =>
    Array.from({ length: CLASSES }, (_, index) => (index === label ? 0.875 : 0.0625));
  return { predictions: instances.map((row) => probabilities(classify(row))) };
}

function fraud({ amount }: { amount?: unknown }): unknown {
  if (typeof amount !== 'number' || amount < 0) throw new Refusal(400, 'the amount is no amount');
  return { flagged: amount > 10_000, score: amount / 20_000 };
}

/** The species of a flower by the length and width of its petals, as a tree of two nodes tells it. */
function classify([, , length = 0, width = 0]: readonly number[]): number {
  if (length < 2.45) return 0;
  return width < 1.75 ? 1 : 2;
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}
