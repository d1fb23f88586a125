/** Addresses that are thrown away after use, by the community's list; it is read when it is first needed. */
import { createRequire } from 'node:module';
import type * as List from 'disposable-email-domains-js';

const require = createRequire(import.meta.url);

/** Whether this domain, or one that it lies in, is of such a provider. */
export function isDisposable(address: string): boolean {
  const { isDisposableEmailDomain } = require('disposable-email-domains-js') as typeof List;
  const labels = address.slice(address.lastIndexOf('@') + 1).split('.');
  return labels.some(
    (_, i) => i < labels.length - 1 && isDisposableEmailDomain(labels.slice(i).join('.')),
  );
}
