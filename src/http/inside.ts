/**
 * Where a request leads inside. Every path of ours stands under the path of PUBLIC_URL; the routes do not
 * know it. What phones and load balancers look for at the root of a host stands there too.
 */

/** `strict`: the service has this host for itself. Otherwise a host or a gateway may have cut the path off. */
export type Reach = 'strict' | 'bare-too';

const AT_ROOT = /^\/(?:\.well-known\/|livez(?:\?|$)|readyz(?:\?|$))/;
/** Nothing stands there: whatever is asked for outside of our path is not found. */
const NOWHERE = '/-';

/** The URL for the router. @param url as Node gives it: a path, or with a scheme and a host. */
export function insideOf(basePath: string, url: string, reach: Reach): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '');
  if (path.startsWith(basePath)) {
    const rest = path.slice(basePath.length);
    if (rest.startsWith('/')) return rest;
    if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  }
  return reach === 'bare-too' || AT_ROOT.test(path) ? path : NOWHERE + path;
}
