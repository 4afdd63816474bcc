#!/bin/sh
# Puts Postvet, installed from its package, in the place of OpenDMARC. Checked against
# Mail-in-a-Box v75; it was not run. OpenDKIM signs the mail of the submission ports,
# whose smtpd_milters stand in master.cf, and local mail. Run it again after each
# mailinabox setup, which writes main.cf anew. Its status page misses OpenDMARC (8893),
# and its SpamAssassin rules for DMARC no longer match: Postvet has decided before.
set -eu
postconf -e 'smtpd_milters = unix:postvet/postvet.sock' 'non_smtpd_milters = inet:127.0.0.1:8891' \
	'milter_default_action = tempfail'
systemctl disable --now opendmarc
postvet config check /etc/postvet/postvet.toml --mta postfix
postfix reload
