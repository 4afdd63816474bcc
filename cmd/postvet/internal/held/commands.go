package held

import "strings"

// atOnce bounds the messages of one command, so that it fits every shell.
const atOnce = 100

// Commands are lines for a shell.
type Commands struct {
	Release []string `json:"release"`
	Delete  []string `json:"delete"`
}

// CommandsFor returns the commands that release and delete messages. An id that is not
// valid, see [ValidID], is left out.
func CommandsFor(m MTA, ids []string) Commands {
	c := Commands{Release: []string{}, Delete: []string{}}
	var valid []string
	for _, id := range ids {
		if ValidID(id) {
			valid = append(valid, id)
		}
	}
	for len(valid) > 0 {
		n := min(len(valid), atOnce)
		c.add(m, valid[:n])
		valid = valid[n:]
	}
	return c
}

func (c *Commands) add(m MTA, ids []string) {
	if m == Postfix {
		c.Release = append(c.Release, "postsuper"+each(" -H ", ids))
		c.Delete = append(c.Delete, "postsuper"+each(" -d ", ids))
		return
	}
	// -qI selects messages whose id has the text in it. An id is too long to be a part of
	// another.
	only := each(" -qI", ids)
	c.Release = append(c.Release, "sendmail -qQ"+only+" -Q", "sendmail -qf"+only)
	// Sendmail has no command that deletes. The file hfID is there only as long as the
	// message is in quarantine, so that one that was released is not touched.
	for _, id := range ids {
		c.Delete = append(c.Delete, "find /var/spool/mqueue -type f -name hf"+id+" -execdir rm -f hf"+id+" df"+id+" ';'")
	}
}

// each returns the ids, each behind an option.
func each(option string, ids []string) string { return option + strings.Join(ids, option) }
