/** Trouble that a mail server can make, at each step of a delivery. */
import { EventEmitter, once } from 'node:events';

export type SmtpStage = 'connect' | 'mail' | 'rcpt' | 'data' | 'afterData';

export interface SmtpFault {
  /** `data` strikes before the mail is stored, `afterData` after it, before the 250. */
  stage: SmtpStage;
  /** A refusal with this reply, silence, or a connection that dies. */
  action: { code: number; message: string } | 'hang' | 'drop';
  /** Strikes only for these addresses: the sender at `mail`, a recipient from `rcpt` on. */
  match?: RegExp;
  /** How many times it strikes; default: until it is removed. */
  times?: number;
}

export interface PlacedSmtpFault {
  readonly hits: number;
  /** Settles when it strikes for the first time. */
  readonly struck: Promise<void>;
  remove(): void;
}

export interface SmtpFaults {
  add(fault: SmtpFault): PlacedSmtpFault;
  clear(): void;
  take(stage: SmtpStage, addresses: string[]): SmtpFault['action'] | undefined;
}

export function createSmtpFaults(): SmtpFaults {
  interface Placed {
    fault: SmtpFault;
    hits: number;
    strikes: EventEmitter;
  }
  const placed = new Set<Placed>();

  return {
    add(fault) {
      const entry: Placed = { fault, hits: 0, strikes: new EventEmitter() };
      placed.add(entry);
      return {
        get hits() {
          return entry.hits;
        },
        struck: once(entry.strikes, 'struck').then(() => undefined),
        remove: () => void placed.delete(entry),
      };
    },
    clear: () => placed.clear(),
    take(stage, addresses) {
      const entry = [...placed].find(
        ({ fault: { stage: at, match } }) =>
          at === stage && (!match || addresses.some((address) => address.search(match) !== -1)),
      );
      if (!entry) return undefined;
      entry.hits += 1;
      if (entry.hits >= (entry.fault.times ?? Infinity)) placed.delete(entry);
      entry.strikes.emit('struck');
      return entry.fault.action;
    },
  };
}
