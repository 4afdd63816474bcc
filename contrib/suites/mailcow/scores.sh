#!/bin/sh
# Run in mailcow's folder: Postvet decides by DMARC, so Rspamd's score leaves it out. Its
# module dmarc stays on, and the scores above 0: without them mailcow's composites refuse
# genuine mail of freemailers, and let pass forged mail. update.sh keeps the change.
# Checked against mailcow 2026-07a; it was run, on mailcow's own file, which Debian's
# Rspamd 3.4 has read.
set -eu
sed -i '/"DMARC_POLICY_\(REJECT\|QUARANTINE\)"/,/}/ s/weight = .*;/weight = 0.01;/' data/conf/rspamd/local.d/policies_group.conf
docker compose restart rspamd-mailcow
