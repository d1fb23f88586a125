/** A function's runtime: events come in line by line, and each answer goes out as a line, among those of the log. */
import { createInterface } from 'node:readline';
import { api, tasks, type LambdaEvent } from '../../lambda.ts';

const context = { getRemainingTimeInMillis: () => 60_000 };
process.stdout.write('answer "loaded"\n');
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line) as LambdaEvent | null;
  const answer = event ? await api(event, context) : await tasks({}, context);
  process.stdout.write(`answer ${JSON.stringify(answer)}\n`);
}
