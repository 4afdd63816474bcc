#!/bin/sh
# Puts Postvet, installed from its package, before Modoboa's Postfix. Checked against
# modoboa-installer of 2025-11-21; it was not run.
set -eu
if [ -n "$(postconf -Ph smtpd/pass/smtpd_proxy_filter 2>/dev/null)" ]; then
	echo 'modoboa.sh: Amavis takes the mail before the queue, where Postfix shows it to no milter; choose Rspamd instead' >&2
	exit 1
fi
old=$(postconf -h smtpd_milters)
case $old in
*postvet*) ;;
*:11332*)
	# Rspamd scores and signs behind Postvet, which decides by DMARC. Its module dmarc
	# stays on, as it sends Modoboa's reports.
	postconf -e "smtpd_milters = unix:postvet/postvet.sock, $old"
	for symbol in DMARC_POLICY_REJECT DMARC_POLICY_QUARANTINE; do
		echo "symbols { $symbol { weight = 0.0; } }"
	done >/etc/rspamd/local.d/policies_group.conf
	echo 'use = ["x-spam-status", "x-virus"];' >/etc/rspamd/override.d/milter_headers.conf
	systemctl reload rspamd
	;;
*)
	# OpenDKIM signs the mail of the submission port, and local mail.
	postconf -P "submission/inet/smtpd_milters=$(echo "$old" | tr -d ' ')"
	postconf -e 'smtpd_milters = unix:postvet/postvet.sock'
	;;
esac
postconf -e 'milter_default_action = tempfail'
postvet config check /etc/postvet/postvet.toml --mta postfix
postfix reload
