#!/bin/sh
# dpkg says "remove" or "upgrade"; rpm says 0 where no version is left and 1 at an upgrade. An upgrade stops nothing.
set -e
case $1 in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now switchd
	fi
	;;
esac
