#!/bin/sh
# What payments need is nobody's to remove but a person's: the key and the data stay, also where dpkg says "purge".
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
case $1 in
purge | 0)
	for kept in /etc/switchyard/switchd.key /var/lib/switchyard/switchd-data /var/lib/switchyard/switchd-data.mark; do
		if [ -e "${DPKG_ROOT:-}$kept" ]; then
			echo "switchyard: $kept is kept"
		fi
	done
	;;
esac
