/** Slips in addresses, and addresses that are none. */
import { expect, test } from 'vitest';
import { suggestEmail } from '../../client/suggest.ts';

test.each([
  ['ada@gmial.com', 'ada@gmail.com'],
  ['ada@gmai.com', 'ada@gmail.com'],
  ['ada@gmaill.com', 'ada@gmail.com'],
  ['ada@gnail.com', 'ada@gmail.com'],
  ['ada@gmail.con', 'ada@gmail.com'],
  ['ada@gmail.co', 'ada@gmail.com'],
  ['Ada.B+x@GMAIL.CMO', 'Ada.B+x@gmail.com'],
  ['ada@gamil.com', 'ada@gmail.com'],
  ['ada@hotmial.com', 'ada@hotmail.com'],
  ['ada@hotmal.com', 'ada@hotmail.com'],
  ['ada@hotmai.con', 'ada@hotmail.com'],
  ['ada@yaho.com', 'ada@yahoo.com'],
  ['ada@yahooo.com', 'ada@yahoo.com'],
  ['ada@outlok.com', 'ada@outlook.com'],
  ['ada@outloook.com', 'ada@outlook.com'],
  ['ada@iclould.com', 'ada@icloud.com'],
  ['ada@my-company.con', 'ada@my-company.com'],
  ['ada@my-company.comm', 'ada@my-company.com'],
  ['"a@b"@gmial.com', '"a@b"@gmail.com'],
])('%s was probably meant as %s', (typed, meant) => {
  expect(suggestEmail(typed)).toBe(meant);
});

const GENUINE =
  'gmail.com GMAIL.com googlemail.com mail.com email.com ymail.com gmx.net gmx.de web.de me.com mac.com live.nl hotmail.nl yahoo.co.uk qq.com example.com example.co example.cm acme.io uni-bonn.de gov.uk hey.com hotmail.se live.dk mail.example.org new.example gmail.example.com xn--bcher-kva.example tuta.com';

test.each(GENUINE.split(' '))('ada@%s is taken as it is', (domain) => {
  expect(suggestEmail(`ada@${domain}`)).toBeUndefined();
});

test.each(['', '@', 'ada', 'ada@', '@gmial.com', `ada@${'g'.repeat(100_000)}.org`])(
  'what is no address (%#) is none of its business',
  (typed) => {
    expect(suggestEmail(typed)).toBeUndefined();
  },
);
