#!/bin/sh
# Before files are unpacked that are to be its group's: the user that switchd runs as.
set -e
if ! getent passwd switchyard > /dev/null; then
	useradd --system --user-group --home-dir /var/lib/switchyard --no-create-home --shell /usr/sbin/nologin switchyard
fi
