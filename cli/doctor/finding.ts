/** What the doctor found: for each check a verdict, the setting that it is about, why, and what to do. */

export type Verdict = 'ok' | 'warning' | 'failure' | 'skipped';

export type Finding = {
  /** `tenant.token`: stable, for machines. */
  check: string;
  verdict: Verdict;
  setting?: string;
  why: string;
  /** The next step. */
  do?: string;
};

/** Looks at one part of the world. Throws only what is a fault of its own. */
export type Check = {
  name: string;
  /** What is blamed when it does not come to an end. */
  setting: string;
  run: (limits: { signal: AbortSignal }) => Promise<Finding[]>;
};

export const ok = (check: string, why: string, setting?: string): Finding => ({
  check,
  verdict: 'ok',
  why,
  ...(setting === undefined ? {} : { setting }),
});
export const warning = (check: string, setting: string, why: string, todo: string): Finding => ({
  check,
  verdict: 'warning',
  setting,
  why,
  do: todo,
});
export const failure = (check: string, setting: string, why: string, todo: string): Finding => ({
  check,
  verdict: 'failure',
  setting,
  why,
  do: todo,
});
export const skipped = (check: string, why: string, todo?: string): Finding => ({
  check,
  verdict: 'skipped',
  why,
  ...(todo === undefined ? {} : { do: todo }),
});

/** How long one check may take. All run side by side, so the doctor ends soon after. */
const LIMIT_MS = 8000;

/** Runs a check to its end, or to the end of its time: nothing that hangs holds up the others. */
export async function runCheck({ name, setting, run }: Check, limitMs = LIMIT_MS) {
  const cut = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(
      () => resolve([failure(name, setting, `no end within ${limitMs / 1000} s`, HANGS)]),
      limitMs,
    );
  });
  const broken = (error: unknown): Finding[] => [
    failure(name, setting, `the check itself failed: ${nameOf(error)}`, 'Tell us with this line.'),
  ];
  try {
    return await Promise.race([run({ signal: cut.signal }).catch(broken), late]);
  } finally {
    clearTimeout(timer);
    cut.abort();
  }
}
const HANGS =
  'Something on the way swallows packets or never answers: look at firewalls and proxies.';

/** Of an error only its kind and code: messages of other systems quote what they were given. */
export function nameOf(error: unknown): string {
  const { code, cause, name } = Object(error) as {
    code?: unknown;
    cause?: unknown;
    name?: unknown;
  };
  if (typeof code === 'string') return code;
  if (cause !== undefined) return nameOf(cause);
  return typeof name === 'string' ? name : typeof error;
}
