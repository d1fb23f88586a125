/**
 * Post-login Action for tenants that show a fresh login by scope alone (docs/auth0-setup.md): nobody
 * gets the scope without a second factor of the last minutes, and no renewed token has it. Only with
 * MAX_AUTH_AGE=0 does the freshness hang on this.
 */
const SCOPE = 'change:email';
const MAX_AGE_MS = 5 * 60 * 1000;

exports.onExecutePostLogin = async (event, api) => {
  // A renewal asks nobody anything, and does not always tell which scopes it is about.
  if (event.transaction?.protocol === 'oauth2-refresh-token')
    return api.accessToken.removeScope(SCOPE);
  if (!event.transaction?.requested_scopes?.includes(SCOPE)) return;
  const methods = event.authentication?.methods ?? [];
  const isFresh = methods.some(
    // A time that is no time compares as false, and so asks again.
    ({ name, timestamp }) => name === 'mfa' && Date.now() - Date.parse(timestamp) < MAX_AGE_MS,
  );
  if (!isFresh) api.multifactor.enable('any', { allowRememberBrowser: false });
};
