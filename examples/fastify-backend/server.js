// A backend of yours, with the change of email addresses below /account.
import Fastify from 'fastify';
import { openReaddress } from 'readdress';

const readdress = await openReaddress(process.env);
const app = Fastify({ requestTimeout: 10_000 });
app.get('/', async () => ({ backend: 'yours' }));
await app.register(readdress.plugin, { prefix: '/account' });
await app.listen({ port: Number(process.env.PORT ?? 3000) });
await readdress.startWorkers();

const close = async () => {
  await app.close();
  await readdress.close();
};
process.once('SIGTERM', () => void close());
