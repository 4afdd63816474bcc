package milter

import (
	gomilter "github.com/emersion/go-milter"
	"go.uber.org/zap"
)

// neededActions are the actions without which some messages cannot be dealt with as the
// rules want, by the names that MTAs and libmilter give them.
var neededActions = []struct {
	action gomilter.OptAction
	name   string
}{
	{gomilter.OptAddHeader, "SMFIF_ADDHDRS"},
	{gomilter.OptChangeHeader, "SMFIF_CHGHDRS"},
	{gomilter.OptQuarantine, "SMFIF_QUARANTINE"},
}

// reportMissing logs what the MTA does not offer, once for each MTA that lacks something
// else.
func (c *Conn) reportMissing() {
	s := c.server
	if !c.agreed.exactHeader() {
		s.inexactOnce.Do(func() {
			s.log.Warn("the MTA does not pass on the blank after a header field's colon; DKIM signatures with simple header canonicalization may fail (Postfix: milter_protocol = 6)",
				zap.Uint32("milter_protocol", c.agreed.version), zap.Stringer("remote", c.socket.RemoteAddr()))
		})
	}
	var missing gomilter.OptAction
	var names []string
	for _, n := range neededActions {
		if !c.agreed.can(n.action) {
			missing |= n.action
			names = append(names, n.name)
		}
	}
	if missing == 0 {
		return
	}
	if _, reported := s.missing.LoadOrStore(missing, true); !reported {
		s.log.Warn("the MTA does not offer all that Postvet needs; postvet(1) says what is deferred or left undone without it",
			zap.Strings("missing", names), zap.Stringer("remote", c.socket.RemoteAddr()))
	}
}
