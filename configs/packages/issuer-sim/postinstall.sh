#!/bin/sh
# dpkg says "configure", with the version that was configured before where there was one; rpm says 1 or 2.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
case "$1:$2" in
configure: | 1:*) echo "switchyard-issuer-sim: nothing was started: systemctl enable --now issuer-sim" ;;
esac
