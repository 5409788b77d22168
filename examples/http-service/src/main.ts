import { LoanModel } from './model.js';
import { protectPrivacy } from './privacy.js';
import { createService } from './service.js';

const { PORT = '3000', HASH_KEY } = process.env;

if (HASH_KEY === undefined) console.error('HASH_KEY is not set: national ids are masked, so records cannot be joined');
protectPrivacy(HASH_KEY);

const app = createService(new LoanModel());
console.log(`listening on ${await app.listen({ port: Number(PORT) })}`);

// When the last connection is closed the process ends by itself, and what is left of the trail is delivered first.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close());
