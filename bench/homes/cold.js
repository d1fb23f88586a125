// A function that starts, answers its first event, and is gone: from nothing to an answer.
import { api } from '../../dist/lambda.js';

const { statusCode } = await api({
  version: '2.0',
  rawPath: '/v1/email-changes/current',
  headers: { authorization: `Bearer ${process.env.TOKEN}`, prefer: 'none=204' },
  requestContext: { http: { method: 'GET', sourceIp: '203.0.113.7' } },
});
const { user, system } = process.cpuUsage();
process.stdout.write(`${statusCode} ${user + system}`, () => process.exit(0));
