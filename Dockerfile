# One image for both processes: the command says which.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
COPY stand-ins/package.json stand-ins/
RUN npm ci
COPY tsconfig.json tsconfig.build.json tsconfig.client.json start.ts index.ts home.ts lambda.ts ./
COPY scripts scripts
COPY src src
COPY workers workers
COPY cli cli
COPY client client
RUN npm run build && npm prune --omit=dev
# What only editors and debuggers read: more than a third of what the packages bring (auth0 most of it).
RUN find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 WORKER_HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY auth0 auth0
USER node
EXPOSE 3000 9464
# Whichever of the two doors is open here has to be ready. Runs read-only: nothing is written but /tmp.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", "Promise.allSettled([process.env.PORT || 3000, process.env.WORKER_PORT || 9464].map((port) => fetch(`http://127.0.0.1:${port}/readyz`))).then((all) => { const open = all.flatMap(({ value }) => value ?? []); process.exit(open.length > 0 && open.every(({ ok }) => ok) ? 0 : 1); })"]
# Costs no time, and keeps some 25 MiB of each process free (docs/performance.md).
ENV NODE_OPTIONS=--max-semi-space-size=4
CMD ["node", "dist/start.js"]
