// A backend of yours, with the change of email addresses below /account.
import express from 'express';
import { openReaddress } from 'readdress';

const readdress = await openReaddress(process.env);
const app = express();
app.use('/account', readdress.handler); // Before every body parser.
app.use(express.json());
app.get('/', (_request, response) => {
  response.json({ backend: 'yours' });
});
const server = app.listen(Number(process.env.PORT ?? 3000));
await readdress.startWorkers();

const close = async () => {
  server.close();
  server.closeIdleConnections();
  await readdress.close();
};
process.once('SIGTERM', () => void close());
