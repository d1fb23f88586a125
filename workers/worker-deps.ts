/** What the job door needs besides what both doors share: the user directory and the mail server. */
import type { WorkerConfig } from '../src/config.ts';
import type { Deps } from '../src/deps.ts';
import { createPostOffice, type PostOffice } from '../src/store/postage.ts';
import { createManagementApi } from './directory/auth0/management-api.ts';
import type { Directory } from './directory/directory.ts';
import { openMailer, type Mailer } from './mailer.ts';
import { createSharedRecords, type SharedRecords } from './shared-records.ts';
import { createStandingWatch, type StandingWatch } from './standing.ts';

export type WorkerDeps = Deps<WorkerConfig> & {
  directory: Directory;
  mailer: Mailer;
  standing: StandingWatch;
  postage: PostOffice;
  records: SharedRecords;
};

export const withOutsideWorld = (deps: Deps<WorkerConfig>): WorkerDeps => ({
  ...deps,
  directory: createManagementApi(deps),
  mailer: openMailer(deps),
  standing: createStandingWatch(deps),
  postage: createPostOffice(deps),
  records: createSharedRecords(),
});
