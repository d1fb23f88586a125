/** Far above anything that Auth0 sends us. */
const MAX_ANSWER_BYTES = 1_000_000;

/**
 * One request and its answer to the last byte, within `timeoutMs`; redirects are errors. An abort
 * signal alone is not enough: once the headers are there, the garbage collector may drop what ties
 * the signal to the body (Node 20 to 24), and a stalled body would hold its worker for ever.
 */
export async function fetchWhole(
  input: string | URL | Request,
  init: RequestInit | undefined,
  timeoutMs: number,
): Promise<Response> {
  const cut = new AbortController();
  let response: Response | undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
  });
  const whole = async () => {
    response = await fetch(input, { ...init, redirect: 'error', signal: cut.signal });
    const body = await readAll(response);
    return new Response(body.length === 0 ? null : body, {
      status: response.status,
      headers: response.headers,
    });
  };
  try {
    return await Promise.race([whole(), late]);
  } finally {
    clearTimeout(timer);
    cut.abort();
  }
}
