import { createTransport, type SendMailOptions, type Transporter } from 'nodemailer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startInbox, type Inbox } from '../../stand-ins/inbox.ts';

const MAIL: SendMailOptions = {
  from: 'Acme <noreply@acme.example>',
  to: 'ada@example.com',
  subject: 'Confirm your new address',
  text: 'Open https://acme.example/confirm#abc',
  html: '<p>Open <a href="https://acme.example/confirm#abc">this link</a></p><script>alert(1)</script>',
};

let inbox: Inbox;
let pooled: Transporter;

beforeAll(async () => {
  inbox = await startInbox({ httpPort: 0 });
  pooled = createTransport({ url: inbox.smtpUrl, pool: true, maxConnections: 1 });
});

afterEach(() => {
  inbox.clear();
  inbox.clearFaults();
});

afterAll(async () => {
  pooled.close();
  await inbox.close();
});

/** Over one connection, which saves the server's pause before each greeting. */
function sendPooled(changes: SendMailOptions = {}) {
  return pooled.sendMail({ ...MAIL, ...changes });
}

function send(changes: SendMailOptions = {}) {
  const transport = createTransport({ url: inbox.smtpUrl, connectionTimeout: 2000 });
  return transport.sendMail({ ...MAIL, ...changes }).finally(() => transport.close());
}

describe('the SMTP sink', () => {
  it('keeps a mail with its envelope, headers, both parts and Message-ID', async () => {
    await sendPooled({ headers: { 'X-Change': '42' }, messageId: '<one@acme.example>' });
    const [mail] = inbox.messages;
    expect(mail).toMatchObject({
      number: expect.any(Number),
      from: 'noreply@acme.example',
      to: ['ada@example.com'],
      envelope: { from: 'noreply@acme.example', to: ['ada@example.com'] },
      subject: 'Confirm your new address',
      messageId: '<one@acme.example>',
    });
    expect(mail?.text).toContain('https://acme.example/confirm#abc');
    expect(mail?.html).toContain('this link');
    expect(mail?.headers.get('x-change')).toBe('42');
    expect(mail?.raw).toContain('multipart/alternative');
    expect(inbox.attempts).toMatchObject([{ stage: 'afterData', outcome: 'accepted' }]);
  });

  it('takes any credentials, so an SMTP URL with a password works', async () => {
    const url = inbox.smtpUrl.replace('smtp://', 'smtp://user:secret@');
    await createTransport(url).sendMail(MAIL);
    expect(inbox.messages).toHaveLength(1);
  });

  it('takes addresses with letters of any script', async () => {
    await sendPooled({ to: 'zoë@exämple.com' });
    expect(inbox.to('zoë@exämple.com')).toHaveLength(1);
  });

  it('waitFor resolves for a mail that comes later, by recipient and subject', async () => {
    const wanted = inbox.waitFor({ to: 'BOB@example.com', subject: /notice/i });
    await sendPooled();
    await sendPooled({ to: 'bob@example.com' });
    await sendPooled({ to: 'bob@example.com', subject: 'Notice of a change' });
    expect((await wanted).subject).toBe('Notice of a change');
    expect(inbox.to('bob@example.com')).toHaveLength(2);
  });

  it('waitFor gives up with the address in its message', async () => {
    await expect(inbox.waitFor({ to: 'nobody@example.com' }, 10)).rejects.toThrow(
      'No such mail to nobody@example.com arrived within 10 ms.',
    );
  });

  it('clear forgets mails and attempts, and numbers go on', async () => {
    await sendPooled();
    const before = inbox.messages[0]?.number ?? 0;
    inbox.clear();
    expect(inbox.messages).toEqual([]);
    expect(inbox.attempts).toEqual([]);
    await sendPooled();
    expect(inbox.messages[0]?.number).toBe(before + 1);
  });
});

describe('faults of the SMTP sink', () => {
  it.each([
    ['mail', 451],
    ['rcpt', 550],
    ['data', 452],
  ] as const)('a refusal at %s reaches the sender and stores nothing', async (stage, code) => {
    inbox.fault({ stage, action: { code, message: 'Not now' }, times: 1 });
    await expect(send()).rejects.toMatchObject({ responseCode: code });
    expect(inbox.messages).toEqual([]);
    expect(inbox.attempts).toMatchObject([{ stage, outcome: 'refused', code }]);
    await send();
    expect(inbox.messages).toHaveLength(1);
  });

  it('a refusal at connect reaches the sender', async () => {
    inbox.fault({ stage: 'connect', action: { code: 421, message: 'Too busy' }, times: 1 });
    await expect(send()).rejects.toMatchObject({ responseCode: 421 });
    expect(inbox.attempts).toMatchObject([{ stage: 'connect', outcome: 'refused', code: 421 }]);
  });

  it('strikes only the addresses that match', async () => {
    inbox.fault({
      stage: 'rcpt',
      action: { code: 550, message: 'No such mailbox' },
      match: /^gone@/,
    });
    await send();
    await expect(send({ to: 'gone@example.com' })).rejects.toMatchObject({ responseCode: 550 });
    expect(inbox.messages).toHaveLength(1);
  });

  it('a drop after the data keeps the mail, though the sender never hears the 250', async () => {
    const placed = inbox.fault({ stage: 'afterData', action: 'drop', times: 1 });
    await expect(send()).rejects.toThrow(/connection|socket|closed/i);
    await placed.struck;
    expect(placed.hits).toBe(1);
    expect(inbox.messages).toHaveLength(1);
    expect(inbox.attempts).toMatchObject([{ stage: 'afterData', outcome: 'dropped' }]);
  });

  it('a drop during the data keeps nothing', async () => {
    inbox.fault({ stage: 'data', action: 'drop', times: 1 });
    await expect(send()).rejects.toThrow(/connection|socket|closed/i);
    expect(inbox.messages).toEqual([]);
  });

  it('a hanging delivery stays open until the inbox closes', async () => {
    const silent = await startInbox();
    const placed = silent.fault({ stage: 'data', action: 'hang' });
    const failed = createTransport(silent.smtpUrl)
      .sendMail(MAIL)
      .catch((error: unknown) => error);
    await placed.struck;
    expect(silent.attempts).toMatchObject([{ stage: 'data', outcome: 'hung' }]);
    await silent.close();
    expect(await failed).toBeInstanceOf(Error);
  });

  it('removed faults strike no more', async () => {
    const refusal = { code: 451, message: 'Not now' };
    inbox.fault({ stage: 'mail', action: refusal }).remove();
    inbox.fault({ stage: 'rcpt', action: refusal });
    inbox.clearFaults();
    await send();
    expect(inbox.messages).toHaveLength(1);
  });
});

function get(path: string) {
  return fetch(`${inbox.url}${path}`);
}

describe('the web page', () => {
  it('lists the mails, newest first', async () => {
    expect(await (await get('/')).text()).toContain('No mail yet');
    await sendPooled({ subject: 'First' });
    await sendPooled({ subject: 'Second <b>' });
    const list = await (await get('/')).text();
    expect(list.indexOf('Second &lt;b&gt;')).toBeLessThan(list.indexOf('First'));
    expect(list).not.toContain('<b>');
  });

  it('shows the HTML part in a frame without scripts, with links to new tabs', async () => {
    await sendPooled();
    const response = await get(`/messages/${inbox.messages[0]?.number}`);
    const page = await response.text();
    expect(page).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"');
    expect(page).toContain('srcdoc="&lt;base target=&quot;_blank&quot;&gt;&lt;p&gt;Open');
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('Message-ID: ');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await get('/messages/999')).status).toBe(404);
    expect((await get('/messages/none')).status).toBe(404);
  });

  it('gives scripts all mails, and the latest to one address', async () => {
    expect((await get('/api/messages/latest?to=ada@example.com')).status).toBe(404);
    await sendPooled({ subject: 'First' });
    await sendPooled({ subject: 'Second' });
    await sendPooled({ to: 'bob@example.com' });
    expect(await (await get('/api/messages')).json()).toHaveLength(3);
    expect(await (await get('/api/messages/latest?to=Ada@example.com')).json()).toMatchObject({
      subject: 'Second',
      at: expect.stringMatching(/^\d{4}-/),
    });
    expect((await get('/api/messages/latest?to=eve@example.com')).status).toBe(404);
  });

  it('tells an open page that a mail came', async () => {
    const stream = await get('/events');
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    await reader?.read();
    await sendPooled();
    const { number } = inbox.messages[0] ?? {};
    expect((await reader?.read())?.value).toBe(`event: mail\ndata: ${number}\n\n`);
    await reader?.cancel();
  });
});
