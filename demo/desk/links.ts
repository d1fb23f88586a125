/** The mails on the phone of the demo: of each, the link to tap. */
import type { InboxMessage } from '../../stand-ins/inbox/messages.ts';

export interface MailedLink {
  to: string;
  subject: string;
  link: string;
}

const LINK = /https?:\/\/\S+?(?:#|[?&]token=)[\w-]{64}/;
const SHOWN = 6;

/** Of the newest mails with a link, newest first. */
export function newestLinks(messages: readonly InboxMessage[]): MailedLink[] {
  return messages
    .toReversed()
    .flatMap(({ envelope, subject, text }) => {
      const link = LINK.exec(text)?.[0];
      return link === undefined ? [] : [{ to: envelope.to.join(', '), subject, link }];
    })
    .slice(0, SHOWN);
}
