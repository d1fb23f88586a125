/** Two brands that ask for more than most: a pale colour and everything set; a long name and nothing else. */
import type { Brand } from '../../src/mail/brand.ts';

export const FULL: Brand = {
  name: 'Acme Notes',
  color: '#ffd23f',
  supportUrl: 'https://acme.example/help',
  logoUrl: 'https://acme.example/logo.png',
  legal: 'Acme Notes GmbH, Musterstraße 1, 10115 Berlin, HRB 12345 B',
};
export const LONG: Brand = {
  name: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
  color: '#101010',
};
