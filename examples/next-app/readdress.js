// Opened once in this process, at the first call: a build needs no settings.
import { openReaddress } from 'readdress';

export const opened = () => (globalThis.readdress ??= openReaddress(process.env));
