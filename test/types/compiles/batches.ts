/** Batches: callbacks get one row, and the decision about it. */
import { audited } from '@decision-trail/decisions';
import type { BatchParts } from '@decision-trail/decisions';
import { is } from '../equal.js';

interface Transaction {
  amount: number;
}

const list = audited(
  {
    model: 'fraud',
    batch: true,
    input: (transaction, tenant) => {
      is<Transaction>()(transaction);
      is<string>()(tenant);
      return transaction.amount;
    },
    score: (flagged, transaction, tenant) => {
      is<boolean>()(flagged);
      is<Transaction>()(transaction);
      is<string>()(tenant);
      return transaction.amount;
    },
  },
  (transactions: readonly Transaction[], _tenant: string) => transactions.map(({ amount }) => amount > 10_000),
);
is<(transactions: readonly Transaction[], _tenant: string) => boolean[]>()(list);

audited(
  {
    model: 'numbers',
    batch: true,
    score: (result, row) => {
      is<number>()(result);
      is<number>()(row);
      return result;
    },
  },
  async (rows: Float32Array) => rows,
);

audited(
  {
    model: 'one by one',
    batch: true,
    decision: (label, row) => {
      is<string>()(label);
      is<number>()(row);
      return label;
    },
  },
  async function* (rows: number[]) {
    yield* rows.map(String);
  },
);

audited({ model: 'fraud', batch: true, score: (flagged: boolean, row: Transaction) => Number(flagged) + row.amount })(
  async (rows: Transaction[]) => rows.map(() => true),
);

/** As libraries of tensors have it. */
interface Tensor {
  data: Float32Array;
  dims: readonly number[];
}

const parts = audited(
  {
    model: 'tensors',
    batch: {
      rows: (tensor, seed) => {
        is<Tensor>()(tensor);
        is<number>()(seed);
        return [tensor.dims];
      },
      decisions: (result, tensor) => {
        is<Tensor>()(result);
        is<Tensor>()(tensor);
        return result.data;
      },
    },
    score: (decision, row, seed) => {
      is<number>()(decision);
      is<readonly number[]>()(row);
      is<number>()(seed);
      return decision;
    },
  },
  async (tensor: Tensor, _seed: number) => tensor,
);
is<(tensor: Tensor, _seed: number) => Promise<Tensor>>()(parts);

audited({
  model: 'tensors',
  batch: { rows: (tensor: Tensor) => [tensor.dims], decisions: (result: Tensor) => result.data },
  score: (decision: number, row: readonly number[]) => decision + row.length,
})(async (tensor: Tensor) => tensor);

const given: BatchParts<[number[]], number[]> = { rows: (rows) => rows, decisions: (result) => result };
audited({ model: 'numbers', batch: given }, (rows: number[]) => rows);

declare const isBatch: boolean;
audited({ model: 'perhaps', batch: isBatch })((rows: number[]) => rows);
audited({ model: 'no batch', batch: false, score: (result) => result.length }, (rows: number[]) => rows);
