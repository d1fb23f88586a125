/**
 * Post-login Action: copies the time and the methods of the login into access tokens that may ask
 * for a change of address. Auth0 puts neither there by itself, and auth_time and amr are restricted
 * claims, so they travel under a namespace: https://readdress/auth_time (epoch seconds) and
 * https://readdress/amr (names of the methods; `mfa` among them after a second factor).
 *
 * Renewing is no login: silent authentication keeps the time of the real one, and a token that comes
 * from a refresh token holds no evidence at all.
 */
const NAMESPACE = 'https://readdress/';
const SCOPE = 'change:email';

exports.onExecutePostLogin = async (event, api) => {
  if (event.transaction?.protocol === 'oauth2-refresh-token') return;
  if (!event.transaction?.requested_scopes?.includes(SCOPE)) return;
  const methods = event.authentication?.methods ?? [];
  const times = methods.map(({ timestamp }) => Date.parse(timestamp)).filter(Number.isFinite);
  // No evidence, no claim: Readdress then asks for a new login.
  if (times.length === 0) return;
  api.accessToken.setCustomClaim(`${NAMESPACE}auth_time`, Math.floor(Math.max(...times) / 1000));
  api.accessToken.setCustomClaim(`${NAMESPACE}amr`, [...new Set(methods.map(({ name }) => name))]);
};
