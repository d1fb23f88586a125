import { expect, test } from 'vitest';
import { foldMailbox } from '../../src/domain/mailbox.ts';

test.each([
  ['Ada.L+shop@GoogleMail.com', 'adal@gmail.com'],
  ['a.d.a.l@gmail.com', 'adal@gmail.com'],
  ['Ada+x+y@Example.COM', 'ada@example.com'],
  ['a.b@example.com', 'a.b@example.com'],
  ['a-b@example.com', 'a-b@example.com'],
  ['a.b@proton.me', 'ab@protonmail.com'],
  ['a_b-c.d+x@pm.me', 'abcd@protonmail.com'],
  ['a-b@ya.ru', 'a.b@yandex.ru'],
  ['a.b@yandex.com', 'a.b@yandex.ru'],
  ['a.b@me.com', 'a.b@icloud.com'],
  ['a@constructor', 'a@constructor'],
  ['+tag@example.com', '+tag@example.com'],
  ['"a b+x"@example.com', '"a b@example.com'],
])('%s is counted as %s', (address, mailbox) => {
  expect(foldMailbox(address)).toBe(mailbox);
});
