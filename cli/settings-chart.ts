/** The values of the Helm chart, as a JSON schema: every setting by the process that reads it, and no other name. */
import { settingsOf, type Process, type Setting } from './settings-files.ts';

/** What the containers of the chart are, and no one else's to say. */
export const FIXED = 'HOST PORT METRICS_HOST METRICS_PORT WORKER_HOST WORKER_PORT NODE_ENV'.split(
  ' ',
);
/** Not secrets as words, and still only as a Secret: a URL that may hold a password. */
const isSecret = ({ name, secret }: Setting) => secret === true && !FIXED.includes(name);

const text = { type: 'string' };
const closed = (properties: Record<string, object>, required: string[] = []) => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...(required.length > 0 ? { required } : {}),
});

function plain(process: Process) {
  const settings = settingsOf(process).filter(
    (setting) => !isSecret(setting) && !FIXED.includes(setting.name),
  );
  return closed(
    Object.fromEntries(
      settings.map(({ name, about, choices }) => [
        name,
        { ...text, description: about, ...(choices ? { enum: choices } : {}) },
      ]),
    ),
    settings.filter(({ required }) => required).map(({ name }) => name),
  );
}

function secrets(process: Process) {
  const names = settingsOf(process).filter(isSecret);
  return closed({
    existing: text,
    values: closed(
      Object.fromEntries(names.map(({ name, about }) => [name, { ...text, description: about }])),
    ),
  });
}

const process = (name: Process) =>
  closed({
    replicas: { type: 'integer', minimum: 0 },
    settings: plain(name),
    resources: { type: 'object' },
    podAnnotations: { type: 'object', additionalProperties: text },
    nodeSelector: { type: 'object', additionalProperties: text },
    tolerations: { type: 'array' },
  });

export function chartSchema(): object {
  const port = { type: 'integer', minimum: 1, maximum: 65_535 };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart readdress',
    ...closed(
      {
        global: { type: 'object' },
        image: closed({ repository: text, tag: text, pullPolicy: text }),
        imagePullSecrets: { type: 'array' },
        settings: plain('both'),
        secrets: closed({ shared: secrets('both'), workers: secrets('workers') }),
        api: process('api'),
        workers: process('workers'),
        terminationGracePeriodSeconds: { type: 'integer', minimum: 1 },
        networkPolicy: closed({
          enabled: { type: 'boolean' },
          ingressFrom: { type: 'array' },
          metricsFrom: { type: 'array' },
          redisPort: port,
          smtpPorts: { type: 'array', items: port },
          extraEgress: { type: 'array' },
        }),
      },
      ['settings', 'secrets', 'api', 'workers'],
    ),
  };
}
