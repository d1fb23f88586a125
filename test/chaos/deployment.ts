/**
 * The built service as a fleet of real processes that somebody keeps running: what dies is started
 * again, as an orchestrator would, on a port of its own.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../demo/redis/ready.ts';
import { eventually, type LogLine } from '../support/world.ts';

type Role = 'api' | 'workers';

export type Member = {
  role: Role;
  /** Of its present life; '' while there is none. */
  url: string;
  /** Where operators look: health and measures. */
  operatorsUrl: string;
  pid: number | undefined;
  /** Ended and stopped processes get no signal. */
  signal(signal: NodeJS.Signals): boolean;
  /** Crash points of its next lives (CRASH_AT), until they are taken back. */
  crashAt: string;
  /** More settings of its next lives. */
  env: Record<string, string>;
  /** Whether it is started again when it dies; default true. */
  revive: boolean;
  /** Resolves with what ended the present life. */
  ended(): Promise<NodeJS.Signals | number>;
  untilReady(timeoutMs?: number): Promise<void>;
};

export type Fleet = {
  members: readonly Member[];
  of(role: Role): Member[];
  /** How lives ended: `SIGKILL`, `0`, `78` … */
  ends: Map<string, number>;
  /** How often each event was logged. */
  events: Map<string, number>;
  /** Lines that call an operator. */
  alarms: LogLine[];
  /** Log lines that hold what must never be in one. */
  leaks: string[];
  /** What was written where no log goes: crashes and warnings of the runtime. */
  stderr: string[];
  close(): Promise<void>;
};

export type FleetOptions = {
  dist: string;
  env: Record<string, string>;
  apis: number;
  workers: number;
  /** What no log line may hold. */
  secret: RegExp;
};

const ENTRIES = { api: 'src/server.js', workers: 'workers/main.js' } as const;
const CRASH_HERE = new URL('crash-here.mjs', import.meta.url).href;
const REVIVE_AFTER_MS = 200;
/** ioredis listens once more for each READONLY that a connection brings; the listeners go with it. */
const LISTENERS =
  /^\(node:\d+\) MaxListenersExceededWarning: .* close listeners added to \[Socket\].*\n(?:\(Use `node --trace-warnings .*\n)?/gm;

export function startFleet(options: FleetOptions): Fleet {
  const fleet: Omit<Fleet, 'members'> & { members: Member[] } = {
    members: [],
    of: (role) => fleet.members.filter((member) => member.role === role),
    ends: new Map(),
    events: new Map(),
    alarms: [],
    leaks: [],
    stderr: [],
    async close() {
      closed.abort();
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(lives);
    },
  };
  const closed = new AbortController();
  const children = new Set<ChildProcess>();
  const lives = new Set<Promise<unknown>>();
  const count = (counts: Map<string, number>, what: string) =>
    counts.set(what, (counts.get(what) ?? 0) + 1);

  const hear = (line: string) => {
    if (options.secret.test(line)) fleet.leaks.push(line);
    const parsed = JSON.parse(line) as LogLine;
    count(fleet.events, parsed.event ?? '?');
    if (parsed.level === 'error' || parsed.level === 'fatal') fleet.alarms.push(parsed);
  };

  const live = async (member: Member): Promise<NodeJS.Signals | number> => {
    const port = await freePort();
    const operatorsPort = member.role === 'api' ? await freePort() : port;
    if (closed.signal.aborted) return 0;
    // Also where nothing is to crash, so that all lives are alike.
    const args = ['--import', CRASH_HERE, join(options.dist, ENTRIES[member.role])];
    const child = spawn(process.execPath, args, {
      env: {
        PATH: process.env['PATH'],
        ...options.env,
        PORT: String(port),
        METRICS_PORT: String(operatorsPort),
        WORKER_PORT: String(operatorsPort),
        ...(member.crashAt === '' ? {} : { CRASH_AT: member.crashAt }),
        ...member.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    member.pid = child.pid;
    member.url = `http://127.0.0.1:${port}`;
    member.operatorsUrl = `http://127.0.0.1:${operatorsPort}`;
    member.signal = (signal) => child.kill(signal);
    let rest = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(hear);
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    children.delete(child);
    const words = stderr.replaceAll(LISTENERS, '');
    // A port that another process of this machine took first is nobody's fault, and the next life has another.
    if (words !== '' && !words.includes('EADDRINUSE')) fleet.stderr.push(words);
    member.url = '';
    member.pid = undefined;
    const end = signal ?? code ?? 0;
    count(fleet.ends, `${member.role} ${end}`);
    return end;
  };

  const enlist = (role: Role) => {
    let present: Promise<NodeJS.Signals | number> = Promise.resolve(0);
    const member: Member = {
      role,
      url: '',
      operatorsUrl: '',
      pid: undefined,
      crashAt: '',
      env: {},
      revive: true,
      signal: () => false,
      ended: () => present,
      untilReady: async (timeoutMs = 30_000) => {
        await eventually(async () => isReady(member.url), `${role} to be ready`, timeoutMs);
      },
    };
    const keep = async () => {
      while (!closed.signal.aborted) {
        present = live(member);
        await present;
        do await sleep(REVIVE_AFTER_MS);
        while (!member.revive && !closed.signal.aborted);
      }
    };
    const kept = keep();
    lives.add(kept);
    fleet.members.push(member);
  };
  for (let i = 0; i < options.apis; i += 1) enlist('api');
  for (let i = 0; i < options.workers; i += 1) enlist('workers');
  return fleet;
}

/** Whether the process at this address may be given work. */
export const isReady = async (url: string): Promise<boolean> => {
  if (url === '') return false;
  const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(
    () => undefined,
  );
  await answer?.body?.cancel();
  return answer?.ok === true;
};
