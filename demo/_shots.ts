import { chromium } from 'playwright-core';
import { createTransport } from 'nodemailer';
import { startTenant } from './tenant.ts';
import { startInbox } from './inbox.ts';
const t = await startTenant({spa:{redirectUris:['http://localhost:9/cb']}});
const i = await startInbox({httpPort:0});
const tr = createTransport(i.smtpUrl);
await tr.sendMail({from:'Acme <no@acme.example>',to:'ada@example.com',subject:'Confirm your new email address',text:'Hi\nopen https://acme.example/confirm#abc',html:'<html><head><title>x</title></head><body style="font-family:sans-serif"><h1>Confirm</h1><p>Press <a href="https://acme.example/confirm#abc">this button</a></p></body></html>'});
await tr.sendMail({from:'Acme <no@acme.example>',to:'old@example.com',subject:'Your email address is about to change, which is a rather long subject line to see how truncation works in here',text:'Hi'});
const b = await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox']});
for (const scheme of ['light','dark'] as const) {
 const c = await b.newContext({colorScheme:scheme, viewport:{width:800,height:640}}); const p = await c.newPage();
 p.on('console', m=>console.log(m.type(), m.text()));
 await p.goto(`${t.url}/authorize?client_id=demo-spa&response_type=code&redirect_uri=http://localhost:9/cb&scope=openid&code_challenge=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&code_challenge_method=S256&login_hint=ada@example.com`);
 await p.getByLabel('Password').fill('nope'); await p.getByRole('button').click(); 
 await p.screenshot({path:`/tmp/shot-login-${scheme}.png`});
 await p.goto(i.url+'/'); await p.screenshot({path:`/tmp/shot-inbox-${scheme}.png`});
 await p.goto(i.url+'/messages/1'); await p.screenshot({path:`/tmp/shot-mail-${scheme}.png`});
 if (scheme==='light') { const [pop] = await Promise.all([c.waitForEvent('page'), p.frameLocator('iframe').getByRole('link').click()]); console.log('popup', pop.url()); await pop.close();
   await p.goto(i.url+'/'); const nav = p.waitForEvent('load'); await tr.sendMail({from:'a@b.co',to:'x@example.com',subject:'live'}); await nav; console.log('rows', await p.getByRole('listitem').count()); }
}
await b.close(); await t.close(); await i.close(); process.exit();
