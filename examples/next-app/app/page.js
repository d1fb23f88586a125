// Rendered on the server, with the settings that it has now and not those of its build.
import { connection } from 'next/server';
import { Account } from './account.js';

export default async function Page() {
  await connection();
  const { AUTH0_SPA_DOMAIN, AUTH0_SPA_CLIENT_ID, AUTH0_AUDIENCE, PUBLIC_URL } = process.env;
  return (
    <main>
      <h1>Your account</h1>
      <Account
        domain={AUTH0_SPA_DOMAIN}
        clientId={AUTH0_SPA_CLIENT_ID}
        audience={AUTH0_AUDIENCE}
        baseUrl={PUBLIC_URL}
      />
    </main>
  );
}
