# The daemon in a container: Bun, not root, nothing written outside /run/sluice.
#
#   docker build --platform linux/arm64 -t sluice .
#
# `npm run test` runs the RUN lines of the stage "build" in a clean folder, so they stay plain shell.

FROM docker.io/oven/bun:1.4.5-slim AS build
WORKDIR /app
COPY . .
RUN sh container/build.sh /app /out

FROM docker.io/oven/bun:1.4.5-slim
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="A pooling proxy for PostgreSQL" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out /app
# A volume that is mounted here takes over owner and mode; the rest of the file system may be read-only.
RUN mkdir -p /run/sluice && chown 1000:1000 /run/sluice && chmod 0700 /run/sluice
VOLUME /run/sluice
USER 1000:1000
WORKDIR /app
ENV NODE_ENV=production
EXPOSE 5432 9127
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["bun", "/app/container/health.ts"]
ENTRYPOINT ["bun", "/app/container/entry.ts"]
