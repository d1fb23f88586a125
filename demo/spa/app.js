/** The app: logs in with Auth0's SDK, shows the account, and lets the element change its address. */
import { createAuth0Client } from '@auth0/auth0-spa-js';
import { createEmailChangeClient } from 'readdress/client';
import { ReaddressChangeEmail } from 'readdress/element';

const byId = (id) => document.getElementById(id);
const onClick = (id, action) => byId(id).addEventListener('click', () => void action());
const home = `${location.origin}/`;
/** Survives the reload after a login; the tab alone knows it. */
const NEW_ADDRESS = 'new-address';

const settings = await (await fetch('/settings.json')).json();
byId('inbox').href = settings.inbox;

const auth0 = await createAuth0Client({
  domain: settings.domain,
  clientId: settings.clientId,
  useRefreshTokens: true,
  useRefreshTokensFallback: true, // After a reload: the refresh token lives in memory only.
  authorizationParams: {
    audience: settings.audience,
    scope: 'openid profile email change:email',
    redirect_uri: home,
  },
});
const { resume, failure } = await finishLogin();
const user = await auth0.getUser();

const element = new ReaddressChangeEmail();

onClick('sign-in', () => logIn(hint()));
onClick('sign-out', () => auth0.logout({ logoutParams: { returnTo: home } }));

byId('loading').hidden = true;
if (user) await showAccount();
else await showSignIn();

function logIn(parameters, appState = {}) {
  return auth0.loginWithRedirect({ appState, authorizationParams: parameters });
}

function hint() {
  const newAddress = sessionStorage.getItem(NEW_ADDRESS);
  return newAddress ? { login_hint: newAddress } : {};
}

/** Takes the answer of a login out of the address bar. */
async function finishLogin() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has('state')) return {};
  try {
    const { appState } = await auth0.handleRedirectCallback();
    return appState ?? {};
  } catch (error) {
    return { failure: error };
  } finally {
    history.replaceState({}, '', home);
  }
}

async function getAccessToken({ maxAge }) {
  if (maxAge === undefined) {
    return auth0.getTokenSilently().catch(async (error) => {
      // While a change is open the element knows better what may have become of it.
      if (!element.change) await showSignIn('Your session has ended. Please sign in again.');
      throw error;
    });
  }
  // The login is too old for this. Once: a tenant without the Action would send us in circles.
  if (resume) throw new Error('Signing in again did not help.');
  await logIn({ max_age: maxAge, login_hint: user.email }, { resume: element.email });
  return new Promise(() => {}); // The page is left.
}

async function showSignIn(why) {
  const newAddress = sessionStorage.getItem(NEW_ADDRESS);
  const reason =
    why ??
    (failure && `The login did not work: ${failure.message}`) ??
    (newAddress && `Your address was changed. Sign in with ${newAddress} now.`);
  byId('signed-in').hidden = true;
  byId('signed-out').hidden = false;
  byId('why').hidden = !reason;
  byId('invitation').hidden = Boolean(reason);
  byId('why').textContent = reason ?? '';
  const account = await (await fetch('/account')).json();
  byId('hint').textContent = `In this demo: ${account.email}, password “correct horse”.`;
}

async function showAccount() {
  sessionStorage.removeItem(NEW_ADDRESS);
  byId('signed-in').hidden = false;
  showAddress(user.email, user.email_verified);
  if (resume) await goOn(resume);
  element.setAttribute('base-url', settings.api);
  element.setAttribute('return-to', home);
  element.getAccessToken = getAccessToken;
  element.strings = { signIn: 'Sign in with your new address' };
  element.addEventListener('email-change', ({ detail: change }) => {
    byId('change').dataset.status = change.status;
    byId('problem').textContent = '';
    if (change.status !== 'committed') return;
    // The tokens in memory still name the old address, and the session at Auth0 has ended.
    sessionStorage.setItem(NEW_ADDRESS, change.email);
    showAddress(change.email, true);
  });
  element.addEventListener('sign-in-again', () => void logIn(hint()));
  byId('change').append(element);
}

/** The user said before the login what to change to. */
function goOn(email) {
  const client = createEmailChangeClient({ baseUrl: settings.api, getAccessToken });
  return client.request({ email, returnTo: home }).catch((error) => {
    element.email = email;
    byId('problem').textContent = error.message;
  });
}

function showAddress(email, isVerified) {
  byId('address').textContent = email;
  byId('initial').textContent = email[0].toUpperCase();
  byId('verified').hidden = !isVerified;
}
