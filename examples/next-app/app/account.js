'use client';
import { Auth0Provider, useAuth0 } from '@auth0/auth0-react';
import { ChangeEmail } from '@readdress/client/react';

export function Account({ domain, clientId, audience, baseUrl }) {
  return (
    <Auth0Provider
      domain={domain}
      clientId={clientId}
      authorizationParams={{
        audience,
        scope: 'openid profile email change:email',
        // On the server there is no address yet.
        redirect_uri: globalThis.location?.origin,
      }}
    >
      <Change baseUrl={baseUrl} />
    </Auth0Provider>
  );
}

function Change({ baseUrl }) {
  const { getAccessTokenSilently, getAccessTokenWithPopup, loginWithRedirect } = useAuth0();
  return (
    <ChangeEmail
      baseUrl={baseUrl}
      getAccessToken={({ maxAge }) =>
        maxAge === undefined
          ? getAccessTokenSilently()
          : getAccessTokenWithPopup({ authorizationParams: { max_age: maxAge } })
      }
      onSignInAgain={(change) =>
        loginWithRedirect({ authorizationParams: { login_hint: change?.email } })
      }
    />
  );
}
