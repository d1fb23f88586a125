/**
 * What happens, told once on named channels (node:diagnostics_channel, `readdress.request` and so on) to
 * whoever listens in this process: the log, the measures, a host's tracing; and the chaos suite, which ends
 * processes at the steps (docs/decisions/0014-signals.md). Ids only, as in the log. One process may run
 * several deployments: each tells as itself (`by`), and its own listeners hear it alone.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Reason, Status } from './domain/email-change.ts';
import type { Act } from './domain/transitions.ts';
import type { TaskWord } from './process/log.ts';

type OfChange = { change: string; requestId: string | undefined; reason: Reason | undefined };
type OfTask = { change: string; task: string; attempt: number; requestId: string | undefined };
type Answered = { method: string; route: string; status: number; why: string | undefined };

type Told = {
  /** `quiet`: of a route that is asked all the time. */
  request: Answered & { requestId: string; ms: number; quiet: boolean };
  transition: OfChange & { status: Status };
  act: OfChange & { act: Act['act'] };
  /** `told`: what else the log says of it. */
  task: OfTask & { kind: string; seconds: number; word: TaskWord; alarm: boolean; told: object };
  /** An attempt at a mail. `code`: the mail server's. */
  mail: { change: string; template: string; outcome: string; code: string | undefined };
  /** Support did something for a user, or looked. */
  support: {
    call: 'read' | 'request' | 'resend' | 'cancel';
    change: string | undefined;
    requestId: string;
  };
  /** A call to the tenant; status `none`: no answer came. */
  call: { method: string; status: string; seconds: number };
  /** Whether the tenant takes our credentials, and grants what we need. */
  access: { what: 'credentials' | 'scopes'; isGranted: boolean };
  /** The account holds an address that is neither the old nor the new one, and a PATCH of ours may still land. */
  drift: { change: string };
  /** A task has read the record that it is about. */
  opened: { change: string; trace: string | undefined };
};

/** What takes a while, and in the course of which other things are told. */
type Doing = {
  request: { requestId: string; method: string; route: string | undefined };
  task: { change: string; kind: string; attempt: number; requestId: string | undefined };
};

export type Signals = {
  tell: <Name extends keyof Told>(name: Name, what: Told[Name]) => void;
  hear: <Name extends keyof Told>(name: Name, listener: (what: Told[Name]) => void) => void;
  /** Runs what is told of; a follower's store goes along with it, through whatever it waits for. */
  during: <Name extends keyof Doing, T>(name: Name, what: Doing[Name], run: () => T) => T;
  /** From now on `during` runs with what `begin` makes of it in this store (`channel.bindStore`). */
  follow: <Name extends keyof Doing, S>(
    name: Name,
    store: AsyncLocalStorage<S | undefined>,
    begin: (what: Doing[Name]) => S,
  ) => void;
  /** Nobody hears this deployment any more. */
  close: () => void;
};

export function openSignals(): Signals {
  const stops: (() => void)[] = [];
  const signals: Signals = {
    tell: (name, what) => channel(`readdress.${name}`).publish({ ...what, by: signals }),
    hear<Name extends keyof Told>(name: Name, listener: (what: Told[Name]) => void) {
      const own = (message: unknown) => {
        const what = message as Told[Name] & { by: Signals };
        if (what.by === signals) listener(what);
      };
      const named = channel(`readdress.${name}`);
      named.subscribe(own);
      stops.push(() => named.unsubscribe(own));
    },
    during<Name extends keyof Doing, T>(name: Name, what: Doing[Name], run: () => T): T {
      const named = channel(`readdress.${name}.during`);
      return named.hasSubscribers ? named.runStores({ ...what, by: signals }, run) : run();
    },
    follow<Name extends keyof Doing, S>(
      name: Name,
      store: AsyncLocalStorage<S | undefined>,
      begin: (what: Doing[Name]) => S,
    ) {
      const named = channel(`readdress.${name}.during`);
      named.bindStore(store, (message) => {
        const what = message as Doing[Name] & { by: Signals };
        return what.by === signals ? begin(what) : store.getStore();
      });
      stops.push(() => named.unbindStore(store));
    },
    close: () => stops.forEach((stop) => stop()),
  };
  return signals;
}

const steps = channel('readdress.step');

/** Tells that a request or a task is at this step, `commit.marked`: it may be the last thing we do. */
export function reached(point: `${string}.${string}`): void {
  if (steps.hasSubscribers) steps.publish({ point });
}
