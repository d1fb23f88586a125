// Loaded before the built service (`node --import`): ends it where CRASH_AT says, by the steps that it tells.
import { subscribe } from 'node:diagnostics_channel';
import { createCrasher, parseCrash } from './crash-points.mjs';

const crashes = (process.env['CRASH_AT'] ?? '').split(',').filter(Boolean).map(parseCrash);
if (crashes.includes(undefined)) throw new Error(`no crash points: ${process.env['CRASH_AT']}`);
const crash = createCrasher(crashes);
subscribe('readdress.step', ({ point }) => crash(point));
