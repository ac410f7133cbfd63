# Images of switchd and issuer-sim from the binaries that `make dist` leaves in dist: nothing is built or fetched in here
# but the base, which has no shell, no package manager and no user but nonroot (65532).
#
#   make dist
#   docker build -t switchyard .                              switchd, with switchctl
#   docker build -t switchyard-issuer-sim --target issuer-sim .
#
# docs/install.md says how they are run: as they are, with a root that is read-only, no capability, and a volume for
# /var/lib/switchyard.
FROM gcr.io/distroless/static-debian12:nonroot AS base
USER 65532:65532
# After USER, so that the folder is the user's own. Data goes to ./switchd-data and its mark beside it.
WORKDIR /var/lib/switchyard

FROM base AS issuer-sim
ARG TARGETARCH
COPY dist/linux_${TARGETARCH}/issuer-sim /usr/bin/
COPY LICENSE dist/NOTICES /usr/share/doc/switchyard/
EXPOSE 8583 9584
ENTRYPOINT ["/usr/bin/issuer-sim"]
# Without a folder it would keep what is being read in /tmp, which is not there to be written.
CMD ["serve", "--data", "issuer-data"]

FROM base AS switchd
ARG TARGETARCH
COPY dist/linux_${TARGETARCH}/switchd dist/linux_${TARGETARCH}/switchctl /usr/bin/
COPY LICENSE dist/NOTICES /usr/share/doc/switchyard/
EXPOSE 7583 9583
ENTRYPOINT ["/usr/bin/switchd"]
CMD ["serve"]
