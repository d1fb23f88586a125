/**
 * Why a caller was refused with 401 or 403: for the operator's log and measures, never for the
 * caller. A documented, closed set (docs/operations.md).
 */
export const WHYS = [
  'no-token',
  'scheme',
  'malformed',
  'algorithm',
  'issuer',
  'unknown-key',
  'signature',
  'audience',
  'expired',
  'not-yet-valid',
  'machine-token',
  'delegated-token',
  'user-token',
  'sub',
  'bound-token',
  'unbound-token',
  'proof-missing',
  'proof-malformed',
  'proof-key',
  'proof-method',
  'proof-url',
  'proof-token',
  'proof-claims',
  'proof-time',
  'proof-replayed',
  'scope',
  'claim-missing',
  'claim-invalid',
  'too-old',
  'no-second-factor',
] as const;
export type Why = (typeof WHYS)[number];
