import { configureDecisions } from '@decision-trail/decisions';

/**
 * What must not stand in the trail as it is, for all decisions of this process. Here, and not with the model, since it
 * holds for outcomes and reviews as well.
 *
 * @param hashKey Secret of at least 16 bytes. With the same key, in all services, the decisions about one person can be
 * found without knowing who that is. Without one, national ids are masked.
 */
export function protectPrivacy(hashKey: string | undefined): void {
  configureDecisions({
    hashKey: hashKey === undefined ? undefined : { id: '2026', key: hashKey },
    redact: [
      // National ids, wherever they stand: in the application, as the subject, in what a clerk writes.
      { pattern: /\b\d{3}-\d{2}-\d{4}\b/, method: 'hash' },
      // People write anything into a free text.
      { key: 'purpose', method: 'mask' },
    ],
    // The gateway says who is logged in, and OpenTelemetry Baggage carries it from service to service.
    baggage: { actor: 'user.id' },
  });
}
