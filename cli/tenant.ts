/** Which of several tenants (TENANTS_FILE) a command is about: the settings as that tenant has them. */
import { readSharedConfig, type Config, type Env } from '../src/config.ts';
import { readTenants } from '../src/tenants.ts';
import { wrongUsage } from './command.ts';

type OfTenant = Config & { env: Env };

/** @throws {ConfigError} @throws {UsageError} where it has to be said which one */
export function envOf(env: Env, named: unknown): Env {
  if (!env['TENANTS_FILE'] && named === undefined) return env;
  const readOne = (own: Env): OfTenant => ({ ...readSharedConfig(own), env: own });
  const tenants = readTenants(readOne, env);
  const meant =
    named === undefined && tenants.length === 1
      ? tenants[0]
      : tenants.find(({ basePath, tenant }) => basePath === named || tenant === named);
  const paths = tenants.map(({ basePath }) => basePath).join(', ');
  return meant?.env ?? wrongUsage(`there are several tenants: --tenant names one, ${paths}`);
}
