# syntax=docker/dockerfile:1
# One program of Metka. SERVICE is stg, dds or cdm, or metka for the command line (migrate, all, console, rules …):
#   docker build --build-arg SERVICE=stg --tag metka-stg:0.1.0 .
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /metka
COPY . .
RUN npm ci && npm run build
# From here on the images differ: what is above is built once for all of them.
ARG SERVICE
# One name for the program, so that the entry point needs no shell to find it.
RUN mkdir /app \
  && cp "dist/$SERVICE"*.mjs "dist/$SERVICE"*.mjs.map dist/THIRD-PARTY-LICENSES.txt LICENSE /app/ \
  && printf 'import "./%s.mjs"\n' "$SERVICE" > /app/main.mjs

FROM node:26.10.0-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /app /app
# The image's user "node", by number: Kubernetes checks that it is not root.
USER 1000:1000
WORKDIR /app
# A smaller young generation: less memory, and less of it to be copied. A service asks for a collection after a backlog.
ENTRYPOINT ["node", "--expose-gc", "--max-semi-space-size=4", "/app/main.mjs"]
