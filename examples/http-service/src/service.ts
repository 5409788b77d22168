import { context, propagation } from '@opentelemetry/api';
import { recordOutcome, recordReview, withDecisions } from '@decision-trail/decisions';
import type { DecisionOutcome, DecisionReview, MadeDecision } from '@decision-trail/decisions';
import Fastify from 'fastify';
import type { FastifyError, FastifyInstance } from 'fastify';
import type { Application, LoanModel } from './model.js';

/** The model did not decide; that is a record as well, and the answer names it. */
class NotDecided extends Error {
  readonly decisionId: string | undefined;

  constructor(decisionId: string | undefined, cause: RangeError) {
    super(cause.message, { cause });
    this.decisionId = decisionId;
  }
}

/** The routes of the service. They answer with the id of the decision, by which the person concerned may ask about it. */
export function createService(model: Pick<LoanModel, 'decide'>): FastifyInstance {
  // As sent, or not at all: a decision on what was made fit would be one on something else than the caller sent.
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } });

  // Trace and baggage of the caller, so that its trace shows the decision and the record who asked. After the body has
  // been read, for what is read later does not know of a context that was set before.
  app.addHook('preHandler', ({ headers }, _reply, done) => {
    context.with(propagation.extract(context.active(), headers), done);
  });

  app.post<{ Body: Application }>('/decisions', { schema: { body: APPLICATION } }, (request) => {
    let made: readonly MadeDecision[] = [];
    try {
      const { result } = withDecisions((decisions) => {
        made = decisions;
        return model.decide(request.body);
      });
      return { decision: result.decision, decisionId: made[0]?.id };
    } catch (error) {
      throw error instanceof RangeError ? new NotDecided(made[0]?.id, error) : error;
    }
  });

  app.post<{ Params: { id: string }; Body: DecisionOutcome }>(
    '/decisions/:id/outcome',
    { schema: { params: BY_ID, body: OUTCOME } },
    (request, reply) => {
      const { label, value } = request.body;
      const recordId = recordOutcome(request.params.id, { label, value, source: 'collections' });
      return reply.code(202).send({ recordId });
    },
  );

  app.post<{ Params: { id: string }; Body: Pick<DecisionReview, 'action' | 'decision' | 'rationale'> }>(
    '/decisions/:id/review',
    { schema: { params: BY_ID, body: REVIEW } },
    (request, reply) => {
      const user = propagation.getActiveBaggage()?.getEntry('user.id')?.value;
      if (user === undefined) return reply.code(401).send({ error: 'a review needs a reviewer' });
      const { action, decision, rationale } = request.body;
      const reviewer = { id: user, type: 'user' };
      const recordId = recordReview(request.params.id, { reviewer, action, decision, rationale });
      return reply.code(202).send({ recordId });
    },
  );

  app.setErrorHandler((error: FastifyError | NotDecided, _request, reply) => {
    if (error instanceof NotDecided) {
      return reply.code(422).send({ error: error.message, decisionId: error.decisionId });
    }
    if (error.validation !== undefined) return reply.code(400).send({ error: error.message });
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return reply.code(error.statusCode).send({ error: error.message });
    }
    // Its message may quote personal data. Where the model failed, the trail has it, masked.
    console.error(`internal error: ${error.name}`);
    return reply.code(500).send({ error: 'internal error' });
  });
  return app;
}

const BY_ID = {
  type: 'object',
  properties: { id: { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' } },
};

const APPLICATION = {
  type: 'object',
  additionalProperties: false,
  required: ['nationalId', 'income', 'amount'],
  properties: {
    nationalId: { type: 'string', pattern: String.raw`^\d{3}-\d{2}-\d{4}$` },
    income: { type: 'number', minimum: 0 },
    amount: { type: 'number', exclusiveMinimum: 0 },
    purpose: { type: 'string', maxLength: 2_000 },
  },
};

const OUTCOME = {
  type: 'object',
  additionalProperties: false,
  required: ['label'],
  properties: { label: { enum: ['repaid', 'defaulted'] }, value: { type: 'object' } },
};

const REVIEW = {
  type: 'object',
  additionalProperties: false,
  required: ['action'],
  properties: {
    action: { enum: ['confirm', 'override', 'appeal', 'escalate'] },
    decision: { enum: ['approve', 'deny'] },
    rationale: { type: 'string', maxLength: 2_000 },
  },
};
