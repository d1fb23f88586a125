/** Where oidc-provider keeps sessions, codes and tokens; the Management API reads and ends them here. */
import { randomBytes } from 'node:crypto';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { isRecord, optional, textOf } from './shapes.ts';

interface Entry {
  id: string;
  payload: AdapterPayload;
  /** Epoch ms. */
  expiresAt: number;
}

export interface UserSession {
  id: string;
  userId: string;
  /** Epoch ms. */
  authenticatedAt: number;
  expiresAt: number;
  clientIds: string[];
}

export interface UserRefreshToken {
  id: string;
  userId: string;
  clientId: string;
  createdAt: number;
  expiresAt: number;
  sessionId?: string;
  scope: string;
  audience?: string;
}

export interface Storage {
  adapter(model: string): Adapter;
  sessions(userId: string): UserSession[];
  /** A session without a browser, for tests. */
  addSession(userId: string): UserSession;
  endSessions(userId: string, sessionId?: string): void;
  refreshTokens(): UserRefreshToken[];
  revokeRefreshTokens(which: (token: UserRefreshToken) => boolean): void;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export function createStorage(): Storage {
  const models = new Map<string, Map<string, Entry>>();

  function entriesOf(model: string): Map<string, Entry> {
    let entries = models.get(model);
    if (!entries) {
      entries = new Map();
      models.set(model, entries);
    }
    return entries;
  }

  function live(model: string): Entry[] {
    return [...entriesOf(model).values()].filter((entry) => entry.expiresAt > Date.now());
  }

  function adapter(model: string): Adapter {
    const entries = entriesOf(model);
    const payloadWhere = (fits: (entry: Entry) => boolean) =>
      Promise.resolve(live(model).find(fits)?.payload);
    return {
      upsert(id, payload, expiresInS) {
        const expiresAt = expiresInS ? Date.now() + expiresInS * 1000 : Infinity;
        entries.set(id, { id, payload, expiresAt });
        return Promise.resolve();
      },
      find: (id) => payloadWhere((entry) => entry.id === id),
      findByUid: (uid) => payloadWhere((entry) => entry.payload.uid === uid),
      findByUserCode: (code) => payloadWhere((entry) => entry.payload.userCode === code),
      consume(id) {
        const entry = entries.get(id);
        if (entry) entry.payload['consumed'] = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy(id) {
        entries.delete(id);
        return Promise.resolve();
      },
      revokeByGrantId(grantId) {
        for (const { id, payload } of entries.values()) {
          if (payload.grantId === grantId) entries.delete(id);
        }
        return Promise.resolve();
      },
    };
  }

  function sessions(userId: string): UserSession[] {
    return live('Session')
      .filter(({ payload }) => payload.accountId === userId)
      .map(({ payload, expiresAt }) => ({
        id: String(payload.uid),
        userId,
        authenticatedAt: Number(payload['loginTs']) * 1000,
        expiresAt,
        clientIds: isRecord(payload['authorizations'])
          ? Object.keys(payload['authorizations'])
          : [],
      }));
  }

  function refreshTokens(): UserRefreshToken[] {
    return live('RefreshToken')
      .filter(({ payload }) => payload['consumed'] === undefined)
      .map(({ id, payload, expiresAt }) => ({
        id,
        userId: String(payload.accountId),
        clientId: String(payload.clientId),
        createdAt: (payload.iat ?? 0) * 1000,
        expiresAt,
        scope: payload.scope ?? '',
        ...optional('sessionId', payload.sessionUid),
        ...optional('audience', textOf(payload['resource'])),
      }));
  }

  return {
    adapter,
    sessions,
    addSession(userId) {
      const now = Date.now();
      const uid = randomBytes(12).toString('hex');
      const expiresAt = now + DAY_MS;
      const payload: AdapterPayload = { uid, accountId: userId };
      payload['loginTs'] = Math.floor(now / 1000);
      entriesOf('Session').set(uid, { id: uid, payload, expiresAt });
      return { id: uid, userId, authenticatedAt: now, expiresAt, clientIds: [] };
    },
    endSessions(userId, sessionId) {
      for (const { id, payload } of entriesOf('Session').values()) {
        const isMeant = sessionId === undefined || payload.uid === sessionId;
        if (payload.accountId === userId && isMeant) entriesOf('Session').delete(id);
      }
    },
    refreshTokens,
    revokeRefreshTokens(which) {
      for (const token of refreshTokens()) {
        if (which(token)) entriesOf('RefreshToken').delete(token.id);
      }
    },
  };
}
