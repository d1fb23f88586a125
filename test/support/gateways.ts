/**
 * What the mail world makes of a link before somebody opens or pastes it: the rewrites of gateways as
 * their vendors describe them and as they are seen in public reports. One table for every reader.
 */

const encoded = encodeURIComponent;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** Hex of 64 characters: what some gateways write beside the link looks like a token. */
const DECOY = 'b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184';

/** Proofpoint v2: `%` is `-`, `/` is `_`, and the two themselves are escaped first. */
const proofpoint2 = (link: string): string =>
  encoded(link)
    .replaceAll('-', '%2D')
    .replaceAll('_', '%5F')
    .replaceAll('%2F', '_')
    .replaceAll('%', '-');

const safeLinks = (link: string): string =>
  `https://eur01.safelinks.protection.outlook.com/?url=${encoded(link)}&data=05%7C02%7Cada%40example.org%7C5f2c8e3c%7C0%7C638%7CUnknown%7CTWFpbGZsb3d8&sdata=q3Jb%2FkX0p0f6%3D&reserved=0`;

export const REWRITES: Record<string, (link: string, token: string) => string> = {
  'the whole link': (link) => link,
  'the token alone': (_, token) => token,
  'the token in groups on two lines': (_, token) =>
    `${token.slice(0, 32).replaceAll(/.{8}/g, '$& ')}\n${token.slice(32).replaceAll(/.{8}/g, '$& ')}`,
  'the token over lines of Windows': (_, token) =>
    `${token.slice(0, 40)}\r\n  ${token.slice(40)}\r\n`,
  'the token with unseen marks': (_, token) =>
    `\ufeff${token.slice(0, 20)}\u200b${token.slice(20)}\u00a0`,
  'the token in quotes': (_, token) => `“${token}”.`,
  'a label before the token': (_, token) => `Link code: ${token}`,
  'a sentence after the link': (link) => `${link}\nIt is valid for one hour.`,
  'angle brackets': (link) => `<${link}>`,
  'quotes and a comma': (link) => `"${link}",`,
  'a bracket and a full stop': (link) => `(see ${link}).`,
  Markdown: (link) => `[Confirm](${link})`,
  'an HTML attribute': (link) => `<a href="${link.replaceAll('&', '&amp;')}">`,
  'the scheme in capitals': (link) => link.replace(/^https/, 'HTTPS'),
  'the host in capitals': (link) => link.replace(/\/\/[^/]+/, (host) => host.toUpperCase()),
  'no scheme': (link) => link.replace(/^https:\/\//, ''),
  '%23 for the hash': (link) => link.replace('#', '%23'),
  '%2523 for the hash': (link) => link.replace('#', '%2523'),
  '%252523 for the hash': (link) => link.replace('#', '%252523'),
  '&#35; for the hash': (link) => link.replace('#', '&#35;'),
  'a token in the query': (link) => link.replace('#', '?token='),
  'a token in the query among others': (link) =>
    link.replace('#', '?lang=de&token=') + '&utm_source=mail',
  'a token in a query with entities': (link) => link.replace('#', '?a=b&amp;token='),
  'quoted-printable': (link) => link.replace('#', '?token=3D'),
  'a soft line break': (link) => `${link.slice(0, 60)}=\r\n${link.slice(60)}`,
  'a hard line break': (link) => `${link.slice(0, 72)}\n${link.slice(72)}`,
  'a mail that was answered': (link) => `> > ${link.slice(0, 60)}\n> > ${link.slice(60)}`,
  'Check Point': (link) => `https://protect.checkpoint.com/v2/___${link}___.YzJlOmFjbWU6Yzo`,
  Avanan: (link) => `https://url.avanan.click/v2/r01/___${link}___.${DECOY}`,
  'an indented answer': (link) => `  ${link.slice(0, 50)}\n    ${link.slice(50)}  `,
  'a parameter behind the fragment': (link) => `${link}&utm_campaign=x`,
  'a slash behind the fragment': (link) => `${link}/`,
  'Safe Links': safeLinks,
  'Safe Links with entities': (link) => safeLinks(link).replaceAll('&', '&amp;'),
  'Safe Links in lower-case escapes': (link) =>
    safeLinks(link).replaceAll(/%[\dA-F]{2}/g, (code) => code.toLowerCase()),
  'Safe Links of %23': (link) => safeLinks(link.replace('#', '%23')),
  'Safe Links of the link in the query': (link) => safeLinks(link.replace('#', '?a=b&token=')),
  'Safe Links twice': (link) => safeLinks(safeLinks(link)),
  'Proofpoint v1': (link) =>
    `https://urldefense.proofpoint.com/v1/url?u=${link.replace('#', '%23')}&k=oIvRg1%2BdGAgOoM1BIlLLqw%3D%3D%0A&r=x%3D%0A&m=y%3D%0A&s=${DECOY}`,
  'Proofpoint v2': (link) =>
    `https://urldefense.proofpoint.com/v2/url?u=${proofpoint2(link)}&d=DwMFaQ&c=euGZstcaTDllvimEN8b7jXrwqOf-v5A_CdpgnVfiiMM&r=${DECOY}&m=${DECOY.toUpperCase()}&s=x&e=`,
  'Proofpoint v3': (link) =>
    `https://urldefense.com/v3/__${link.replace('#', '*')}__;Iw!!FbCVDoc3r24!${DECOY}$`,
  'Proofpoint v3 with one slash': (link) =>
    `https://urldefense.us/v3/__${link.replace('#', '*').replace('://', ':/')}__;Iw!!Fb_V-oc3r24!Sy${DECOY}$ `,
  'Proofpoint v3 of %23': (link) =>
    `https://urldefense.com/v3/__${link.replace('#', '*23')}__;JQ!!FbCVDoc3r24!abc$`,
  'Proofpoint v3 with a run': (link) =>
    `https://urldefense.com/v3/__${link.replace('#', '?a=**Atoken=')}__;JiY!!FbCVDoc3r24!abc$`,
  'Safe Links of Proofpoint v2': (link) =>
    safeLinks(
      `https://urldefense.proofpoint.com/v2/url?u=${proofpoint2(link)}&d=DwMFaQ&s=${DECOY}`,
    ),
  Mimecast: (link) =>
    `https://protect-eu.mimecast.com/s/Abc1Cd2Ef3?domain=account.example.com&url=${encoded(link)}`,
  Barracuda: (link) =>
    `https://linkprotect.cudasvc.com/url?a=${encoded(link).toLowerCase().replace(/%23.*/, '')}%23${link.split('#')[1]}&c=E,1,${DECOY},&typo=1`,
  Cisco: (link) => `https://secure-web.cisco.com/1${DECOY}-${DECOY}_x/${encoded(link)}`,
  Google: (link) =>
    `https://www.google.com/url?q=${encoded(link)}&source=gmail&ust=1700000000000000&usg=AOvVaw0x`,
  'Google, less encoded': (link) =>
    `https://www.google.com/url?sa=D&q=${link.replace('#', '%23')}&ust=1700000000000000`,
  'Trend Micro': (link) =>
    `https://ca-1234.check.trendmicro.com/?url=${encoded(link)}&umid=9F&auth=${DECOY.slice(0, 40)}-${DECOY}`,
  FireEye: (link) =>
    `https://protect2.fireeye.com/v1/url?k=1&q=1&e=${DECOY.slice(0, 36)}&u=${encoded(link)}`,
  Symantec: (link) => `https://clicktime.symantec.com/a/1/${DECOY}=?d=x&u=${encoded(link)}`,
  Sophos: (link) =>
    `https://eu-west-1.protection.sophos.com/?d=example.com&u=${encoded(base64(link))}&p=m&i=NWY${DECOY}`,
  Facebook: (link) => `https://l.facebook.com/l.php?u=${encoded(link)}&h=AT0${DECOY}`,
};

/** What holds no token, or more than one: nothing is guessed. */
export const NO_TOKENS: Record<string, (link: string, token: string) => string> = {
  nothing: () => '',
  'a word': () => 'hello',
  'a link without a token': (link) => link.split('#')[0]!,
  'half of it': (_, token) => token.slice(0, 32),
  'all but one': (_, token) => token.slice(1),
  'one too many': (link) => `${link}x`,
  'two in a row': (_, token) => token + token,
  'two tokens': (link, token) => `${link} ${token.slice(1)}${token[0]}`,
  'two links': (link, token) => `${link}\n${link.replace(token, token.slice(1) + token[0])}`,
  'a digest beside no link': () => `https://gateway.example/?s=${DECOY}`,
  'a wrapped link without a token': () =>
    `https://urldefense.proofpoint.com/v1/url?u=https://account.example.com/&s=${DECOY}`,
  'eight digits': () => '1234 5678',
};
