// Next calls this once, when the server starts. A function has no such moment: docs/where-it-runs.md.
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { opened } = await import('./readdress.js');
  const readdress = await opened();
  await readdress.startWorkers();
}
