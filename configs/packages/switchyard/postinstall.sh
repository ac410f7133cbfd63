#!/bin/sh
# dpkg says "configure", with the version that was configured before where there was one; rpm says 1 at the first
# installation and 2 at an upgrade. DPKG_ROOT is a root other than /, where dpkg installs into one.
set -e
etc=${DPKG_ROOT:-}/etc/switchyard
data=/var/lib/switchyard/switchd-data

case "$1:$2" in
configure: | 1:*) first=yes ;;
configure:* | 2:*) first= ;;
*) exit 0 ;; # an upgrade that is undone
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
if [ -z "$first" ]; then
	if [ -d /run/systemd/system ] && systemctl is-active --quiet switchd; then
		echo "switchyard: switchd runs on as the version before; when it suits: systemctl restart switchd"
	fi
	exit 0
fi

# A key is made once, here, where there is none and nothing was sealed with one. It is never shipped, replaced or removed.
if [ -e "$etc/switchd.key" ]; then
	echo "switchyard: the key in /etc/switchyard/switchd.key is kept"
elif [ -e "${DPKG_ROOT:-}$data" ]; then
	echo "switchyard: $data is there, and /etc/switchyard/switchd.key, which sealed its card numbers, is not." >&2
	echo "switchyard: put it back from your copy; none was made." >&2
else
	"${DPKG_ROOT:-}/usr/bin/switchd" keygen "$etc/switchd.key"
	chown root:switchyard "$etc/switchd.key"
	chmod 640 "$etc/switchd.key"
	echo "switchyard: made /etc/switchyard/switchd.key, which seals card numbers: keep a copy of it elsewhere"
fi
echo "switchyard: nothing was started. Look at /etc/switchyard/switchd.yaml, then: systemctl enable --now switchd"
