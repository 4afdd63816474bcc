package peers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// kind is what an option's value is.
type kind int

const (
	text    kind = iota
	boolean      // only its first letter counts
	number
	dataset  // see parseDataset
	hostFile // the path of a file with entries
	action   // a word of actionWords, or its first letter
)

// option is one option of a peer.
type option struct {
	name string
	kind kind
	// words are the values of a text that has no others.
	words []string
	// byDefault is the peer's default, "" for none.
	byDefault string
	// outcome and note are listed for it unless a translator lists others.
	outcome Outcome
	note    string
}

// Notes on many options.
const (
	noteSigning = "it is about signing, which this opendkim does not do, or goes on to do (Mode s)"
	noteService = "systemd's unit does that"
	noteLog     = "the log goes to standard error, which systemd's journal keeps; see [log]"
	noteTest    = "it serves the peer's own tests; \"postvet check\" evaluates stored messages"
)

// optionNamed returns an option by its name, whose case does not matter; nil if the
// peer does not have it.
func optionNamed(peer Peer, name string) *option {
	section, _, _ := strings.Cut(name, " ")
	switch peer {
	case Rspamd: // a setting in a section counts as that of the section
		return exactly(peer, section)
	case OpenDMARCReports, RspamdDMARC, MailDMARC:
		return cmp.Or(exactly(peer, name), exactly(peer, section+" *"), exactly(peer, "*"))
	}
	return exactly(peer, name)
}

// exactly returns the option of this name.
func exactly(peer Peer, name string) *option {
	list := options[peer]
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// options is the options of each peer.
var options = map[Peer][]option{
	OpenDKIM:  slices.Concat(opendkimOptions, sharedOptions),
	OpenDMARC: slices.Concat(opendmarcOptions, sharedOptions),
	PySPF:     pyspfOptions,
	OpenARC:   slices.Concat(openarcOptions, sharedOptions),
	DKIMPy:    dkimpyOptions,
	Rspamd:    rspamdOptions,

	OpenDMARCReports: scriptOptions,
	RspamdDMARC:      rspamdDMARCOptions,
	MailDMARC:        mailDMARCOptions,
}

// sharedOptions is the options that opendkim, opendmarc and openarc have in common.
var sharedOptions = []option{
	{name: "AuthservID"},
	{name: "AutoRestart", kind: boolean, outcome: Changed, note: noteService},
	{name: "AutoRestartCount", kind: number, outcome: Changed, note: noteService},
	{name: "AutoRestartRate", outcome: Changed, note: noteService},
	{name: "Background", kind: boolean, outcome: Changed, note: noteService},
	{name: "BaseDirectory", outcome: Changed, note: noteService},
	{name: "ChangeRootDirectory", outcome: Changed, note: noteService},
	{name: "EnableCoredumps", kind: boolean, outcome: Changed, note: noteService},
	{name: "MilterDebug", kind: number, outcome: Changed, note: "[log] level = \"debug\""},
	{name: "PidFile", outcome: Changed, note: noteService},
	{name: "Socket"},
	{name: "SoftwareHeader", kind: boolean, outcome: NoCounterpart, note: "no field names the software"},
	{name: "Syslog", kind: boolean, outcome: Changed, note: noteLog},
	{name: "SyslogFacility", outcome: Changed, note: noteLog},
	{name: "UMask"},
	{name: "UserID", outcome: Changed, note: noteService},
}

// check returns what is wrong with a value and what would be right, "" for nothing.
func (o *option) check(value string) (problem, remedy string) {
	switch o.kind {
	case boolean:
		if value == "" || !strings.ContainsRune("tTyY1fFnN0", rune(value[0])) {
			return fmt.Sprintf("%q is neither yes nor no", value), "write yes or no"
		}
	case number:
		if _, err := strconv.Atoi(value); err != nil {
			return fmt.Sprintf("%q is no number", value), "write a whole number"
		}
	case action:
		if !oneOf(actionWords, value) && (len(value) != 1 || !strings.Contains("adqrt", strings.ToLower(value))) {
			return fmt.Sprintf("%q is no action", value), "write one of " + strings.Join(actionWords, ", ")
		}
	case text:
		if o.words != nil && !oneOf(o.words, value) {
			return fmt.Sprintf("%q is not known", value), "write one of " + strings.Join(o.words, ", ")
		}
	case hostFile:
		if !strings.HasPrefix(value, "/") {
			return fmt.Sprintf("%q is no absolute path: opendmarc reads a file of hosts here, and does not start if there is none of this name", value),
				"write the hosts into a file, one a line, and name that"
		}
	case dataset:
		if _, why := parseDataset(value); why != "" && o.outcome != NoCounterpart {
			return why, "write the entries into a text file, one a line, and name that"
		}
	}
	return "", ""
}

var actionWords = []string{"accept", "discard", "quarantine", "reject", "tempfail"}

// oneOf reports whether a value is one of the words, whose case does not matter.
func oneOf(words []string, value string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, value) })
}

// isTrue reads a boolean as the peers do.
func isTrue(value string) bool {
	return value != "" && strings.ContainsRune("tTyY1", rune(value[0]))
}
