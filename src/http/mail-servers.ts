/**
 * CHECK_MX: whether a domain takes mail at all, as its DNS says. It refuses what certainly takes none, for most slips
 * lead there; whoever gives no answer in time, or answers with trouble, is let through.
 */
import { Resolver } from 'node:dns/promises';
import { inTime } from '../in-time.ts';

type Answer = 'some' | 'none' | 'unknown';

/** In all, and per question: somebody is waiting. */
const PATIENCE_MS = 1500;
const QUESTION_MS = 1000;
const KEPT_MS: Record<Answer, number> = { some: 3_600_000, none: 300_000, unknown: 30_000 };
const MOST_KEPT = 5000;

export type MailServers = {
  /** Resolves in time, and never rejects. */
  takesNone(address: string): Promise<boolean>;
};

/** @param servers the DNS servers to ask, `127.0.0.1:53`; none: those of the machine */
export function createMailServers(now: () => number, servers: readonly string[] = []): MailServers {
  const resolver = new Resolver({ timeout: QUESTION_MS, tries: 1 });
  if (servers.length > 0) resolver.setServers(servers);
  const kept = new Map<string, { until: number; answer: Promise<Answer> }>();

  async function ask(domain: string): Promise<Answer> {
    const mx = await resolver.resolveMx(domain).catch(faultOf);
    if (Array.isArray(mx) && mx.length > 0) {
      // A single dot says that nobody takes mail here (RFC 7505).
      return mx.some(({ exchange }) => exchange !== '' && exchange !== '.') ? 'some' : 'none';
    }
    if (mx === 'ENOTFOUND') return 'none';
    if (mx !== 'ENODATA') return 'unknown';
    // Without an MX the host itself may take mail (RFC 5321, section 5.1).
    const hosts = await Promise.all([
      resolver.resolve4(domain).catch(faultOf),
      resolver.resolve6(domain).catch(faultOf),
    ]);
    if (hosts.some((found) => Array.isArray(found) && found.length > 0)) return 'some';
    return hosts.every((found) => found === 'ENODATA' || found === 'ENOTFOUND')
      ? 'none'
      : 'unknown';
  }

  /** Whoever asks meanwhile waits for the same answer. */
  function answerFor(domain: string): Promise<Answer> {
    const known = kept.get(domain);
    if (known && now() < known.until) return known.answer;
    const entry = {
      until: now() + PATIENCE_MS,
      answer: inTime(ask(domain), PATIENCE_MS).catch((): Answer => 'unknown'),
    };
    kept.delete(domain);
    kept.set(domain, entry);
    void entry.answer.then((answer) => (entry.until = now() + KEPT_MS[answer]));
    for (const oldest of kept.keys()) {
      if (kept.size <= MOST_KEPT) break;
      kept.delete(oldest);
    }
    return entry.answer;
  }

  return {
    async takesNone(address) {
      return (await answerFor(address.slice(address.lastIndexOf('@') + 1))) === 'none';
    },
  };
}

const faultOf = (error: NodeJS.ErrnoException): string => error.code ?? 'unknown';
