# The proxy in a container: one file on a base image without a shell. It does not run as root, and writes only to
# /run/sluice.
#
#   docker buildx build --platform linux/amd64,linux/arm64 -t sluice .
#
# The base images are pinned by digest, so that a rebuild uses the same ones; Dependabot updates them. Tests run the
# commands of the stage "build" in a clean folder, so it stays plain shell.

FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe AS build
ARG TARGETARCH
WORKDIR /source
COPY . .
RUN sh container/build.sh /source /image "$TARGETARCH"

# glibc and the CA certificates; multi-platform.
FROM gcr.io/distroless/cc-debian13:nonroot@sha256:e792ab3d241a468a4fd7519ddbbebe66b49b5f365771716ea688ad40b6c6f1c2
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="A pooling proxy for PostgreSQL" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/sluice-proxy/sluice"
COPY --from=build /image/usr /usr
# A volume that is mounted here gets this owner and mode; the rest of the file system may be read-only.
COPY --from=build --chown=1000:1000 /image/run/sluice /run/sluice
VOLUME /run/sluice
USER 1000:1000
WORKDIR /run/sluice
EXPOSE 5432 9127
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/sluice", "health"]
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["container"]
