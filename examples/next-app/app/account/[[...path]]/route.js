// Everything below /account, where PUBLIC_URL ends: calls, mailed links, pages, live status.
import { opened } from '../../../readdress.js';

const answer = async (request) => (await opened()).fetch(request);

export { answer as GET, answer as HEAD, answer as POST, answer as DELETE, answer as OPTIONS };
