/** Auth0's token bucket in front of the Management API. */
export interface RateLimitSettings {
  /** Requests that may come at once. */
  burst: number;
  /** Requests that are added per second, up to `burst`. */
  perSecond: number;
}

export interface RateLimitState {
  allowed: boolean;
  limit: number;
  remaining: number;
  /** UNIX seconds at which tokens are next added, as `x-ratelimit-reset` has it. */
  resetAt: number;
}

export interface RateLimit {
  /** Changes the limit and fills the bucket. */
  set(settings: Partial<RateLimitSettings>): void;
  /** Takes one token where there is one. */
  take(): RateLimitState;
}

export function createRateLimit(initial: RateLimitSettings): RateLimit {
  let settings = initial;
  let tokens = settings.burst;
  let filledAt = Date.now();

  return {
    set(changed) {
      settings = { ...settings, ...changed };
      tokens = settings.burst;
      filledAt = Date.now();
    },
    take() {
      const now = Date.now();
      tokens = Math.min(settings.burst, tokens + ((now - filledAt) / 1000) * settings.perSecond);
      filledAt = now;
      const allowed = tokens >= 1;
      if (allowed) tokens -= 1;
      const missing = 1 - (tokens - Math.floor(tokens));
      return {
        allowed,
        limit: settings.burst,
        remaining: Math.floor(tokens),
        resetAt: Math.ceil((now + (missing / settings.perSecond) * 1000) / 1000),
      };
    },
  };
}
