/** `npm run demo`, for real: what it prints works when pasted, and Ctrl-C takes everything away. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownApp } from '../../demo/app.ts';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

interface Demo {
  pid: number;
  /** All that it has printed. */
  text(): string;
  untilItSays(words: string): Promise<void>;
  /** Ctrl-C in a terminal: the demo hears it from the terminal and once more from npm. */
  interrupt(): void;
  exited: Promise<unknown>;
  /** What it has laid down in the directory for temporary files. */
  files(): string[];
  /** The Redis servers that are its children. */
  redisPids(): number[];
}

async function startDemo(...args: string[]): Promise<Demo> {
  const scripts: unknown = JSON.parse(await readFile('package.json', 'utf8'));
  expect(scripts).toMatchObject({ scripts: { demo: 'exec node --import tsx demo/main.ts' } });
  const temporary = await mkdtemp(join(tmpdir(), 'demo-test-'));
  const child = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args], {
    // Neither a Redis of ours nor settings of the machine's owner.
    env: { PATH: process.env['PATH'], TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close').then(([code, signal]: unknown[]) => code ?? signal);
  onTestFinished(async () => {
    child.kill('SIGKILL'); // Its Redis follows.
    await exited;
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    text: () => text,
    exited,
    untilItSays: (words) =>
      vi.waitFor(() => expect(text).toContain(words), { timeout: 40_000, interval: 50 }),
    interrupt() {
      child.kill('SIGINT');
      child.kill('SIGINT');
    },
    files: () => readdirSync(temporary).filter((name) => name.startsWith('readdress')),
    redisPids: () =>
      processes()
        .filter(({ parent, command }) => parent === pid && /redis|valkey/.test(command))
        .map((server) => server.pid),
  };
}

/** Of all processes, what `ps` says: a dead one can stay listed until somebody asks how it ended. */
function processes() {
  return spawnSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , state]) => !state?.startsWith('Z'))
    .map(([pid, parent, , command = '']) => ({
      pid: Number(pid),
      parent: Number(parent),
      command,
    }));
}

function isAlive(wanted: number): boolean {
  return processes().some(({ pid }) => pid === wanted);
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, 'localhost');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Types the lines into a shell, as somebody who pastes them does. */
async function paste(lines: string): Promise<string> {
  const shell = spawn('bash', [], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  shell.stdin.end(lines);
  await once(shell, 'close');
  return output;
}

function between(text: string, from: string, to: string): string {
  return text.slice(text.indexOf(from) + from.length, text.indexOf(to));
}

describe('npm run demo', { timeout: 60_000 }, () => {
  it('prints a walk that works when pasted, and leaves nothing behind', async () => {
    const demo = await startDemo();
    await demo.untilItSays('Ctrl-C ends everything');
    const walk = between(demo.text(), 'paste this into another terminal.', 'Or open the link');
    const steps = (await paste(walk)).trim().split('\n');
    const [asked, before, link, clicked, after] = steps.map((line): unknown => JSON.parse(line));

    const { email } = asked as { email: string };
    const old = 'ada@example.com';
    expect(email).toMatch(/^ada\.\d+@example\.org$/);
    expect(asked).toMatchObject({ status: 'pending', email });
    expect(before).toMatchObject({ email: old, email_verified: true });
    expect(link).toMatchObject({ purpose: 'confirm', status: 'pending', email });
    expect(clicked).toMatchObject({ status: 'committed' });
    expect(after).toMatchObject({ email, email_verified: true });
    expect(steps).toHaveLength(5);

    const ports = [...demo.text().matchAll(/http:\/\/localhost:(\d+)/g)].map(([, port]) =>
      Number(port),
    );
    const inbox = /inbox +(http:\S+)/.exec(demo.text())?.[1];
    await vi.waitFor(
      async () => {
        const subjects = async (to: string) => {
          const mails: unknown = await (await fetch(`${inbox}/api/messages?to=${to}`)).json();
          return (mails as { subject: string }[]).map(({ subject }) => subject);
        };
        expect(await subjects(old)).toEqual([
          'Someone asked to change your email address',
          'Your email address was changed',
        ]);
        expect(await subjects(email)).toEqual([
          'Confirm your new email address',
          'Your email address has been changed',
        ]);
      },
      { timeout: 5000 },
    );

    const desk = /help desk +(http:\S+)/.exec(demo.text())![1]!;
    const { user_id } = after as { user_id: string };
    const looked = await fetch(`${desk}?user=${encodeURIComponent(user_id)}`);
    const shown = await looked.text();
    expect(looked.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(shown).toMatch(/<h2>committed<\/h2>/);
    expect(shown).toContain(email);
    expect(shown).not.toMatch(/Bearer|eyJ/);
    const stranger = await (await fetch(`${desk}?user=${encodeURIComponent('"><b>')}`)).text();
    expect(stranger).toContain('No changes are kept of this user.');
    expect(stranger).not.toContain('<b>');

    const redis = demo.redisPids();
    expect(redis).toHaveLength(1);
    expect(demo.files()).toHaveLength(1);
    demo.interrupt();
    expect(await demo.exited).toBe(0);
    expect(demo.text()).toContain('Nothing is left behind.');
    expect(demo.text()).not.toContain('!');
    expect(redis.filter(isAlive)).toEqual([]);
    expect(demo.files()).toEqual([]);
    expect(new Set(ports).size).toBe(4);
    expect(await Promise.all(ports.map(isOpen))).not.toContain(true);
  });

  it('lets an app of one’s own in, and says what it has to know', async () => {
    const origin = 'http://localhost:5999';
    const demo = await startDemo('--app', origin);
    await demo.untilItSays('base-url');
    const told = (name: string) => new RegExp(`^  ${name} +(\\S+)`, 'm').exec(demo.text())![1]!;
    const preflight = await fetch(`${told('base-url')}/v1/email-changes`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    const login = new URL('/authorize', told('domain'));
    login.search = new URLSearchParams({
      client_id: told('clientId'),
      audience: told('audience'),
      redirect_uri: origin,
      response_type: 'code',
      scope: 'openid change:email',
      code_challenge: 'A'.repeat(43),
      code_challenge_method: 'S256',
    }).toString();
    const answer = await fetch(login, { redirect: 'manual' });
    expect(answer.headers.get('location')).toContain('/u/login');
    demo.interrupt();
    expect(await demo.exited).toBe(0);
  });

  it.each(['https://app.example.com', 'localhost:5173', 'nonsense'])(
    'does not let in %s, which nothing here could reach',
    (app) => {
      expect(() => ownApp(['--app', app], undefined)).toThrow('--app: write where your app runs');
    },
  );

  it('leaves nothing behind when it is interrupted in the middle of its start', async () => {
    const demo = await startDemo();
    // The first that it lays down; all its servers are still to come.
    await vi.waitFor(() => expect(demo.files()).toHaveLength(1), { timeout: 15_000, interval: 2 });
    demo.interrupt();
    const redis = demo.redisPids();
    expect(await demo.exited).toBe(0);
    expect(demo.text()).not.toContain('Readdress runs');
    await vi.waitFor(() => expect(redis.filter(isAlive)).toEqual([]));
    expect(demo.files()).toEqual([]);
  });
});
