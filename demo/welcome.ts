/** What the demo says when it runs: where to look, and a walk that works when pasted. */

export type Places = { api: string; desk: string; tenant: string; inbox: string };

export function printWelcome(say: (line: string) => void, places: Places): void {
  const { api, desk, tenant, inbox } = places;
  say(`
Readdress runs, with everything around it:

  single-page app  ${desk}        start here: log in as ada@example.com, "correct horse"
  native app       ${desk}/phone  plays a phone that a mailed link opens
  help desk        ${desk}/support  looks up what became of a user's changes
  inbox            ${inbox}        every mail that is sent lands here
  API and pages    ${api}        (its documentation: ${api}/docs)
  stand-in tenant  ${tenant}        speaks Auth0's protocol

Or walk through the whole story without a browser: paste this into another terminal.

${walk(places)}
Or open the link in the inbox in a browser and press the button there.
Ctrl-C ends everything. What happens shows below.
`);
}

/** The story as shell lines, each standing alone. */
const walk = ({ api, desk, inbox }: Places): string => `\
  # Ada's app asks for a new address, with the token of a login that just happened.
  TOKEN=$(curl -s ${desk}/token)
  NEW="ada.$RANDOM@example.org"
  curl -s ${api}/v1/email-changes -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "{\\"email\\":\\"$NEW\\"}"; echo

  # Nothing has changed at the tenant; the new mailbox holds a link.
  curl -s ${desk}/account
  MAIL=$(curl -sf --retry 20 --retry-delay 1 --retry-all-errors "${inbox}/api/messages/latest?to=$NEW")
  LINK=$(printf '%s' "$MAIL" | grep -o 'confirm#[A-Za-z0-9_-]*' | head -n 1 | cut -d '#' -f 2)

  # What would the link do? Asking changes nothing.
  curl -s ${api}/v1/links/inspect -H 'Content-Type: application/json' -d "{\\"token\\":\\"$LINK\\"}"; echo

  # The click. Then the account has the new address, verified, and both mailboxes are told.
  curl -s ${api}/v1/confirm -H 'Content-Type: application/json' -H 'Prefer: wait=10' -d "{\\"token\\":\\"$LINK\\"}"; echo
  curl -s ${desk}/account
`;
