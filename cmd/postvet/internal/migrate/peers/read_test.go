package peers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := Read(OpenDKIM, "f", []byte("# c\nSyslog\tyes # and more\r\n\n  Mode   v\nMode v\n"))
	want := []Setting{{OpenDKIM, "Syslog", "yes", "f", 2}, {OpenDKIM, "Mode", "v", "f", 5}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	got, err = Read(PySPF, "f", []byte("debugLevel = 1 \nHELO_reject=Fail\n"))
	want = []Setting{{PySPF, "debugLevel", "1", "f", 1}, {PySPF, "HELO_reject", "Fail", "f", 2}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
}

// TestFaults is about files that a daemon would not take, or that contradict
// themselves.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		peer       Peer
		want       string
	}{
		{"no value", "Syslog\n", OpenDKIM, "f:1: Syslog: has no value; write \"Name value\", or remove the line"},
		{"contradiction", "Mode s\nMode v\n", OpenDKIM, `f:2: Mode: is "v" here and "s" in line 1; remove one of the two`},
		{"no assignment", "TestOnly 1\n", PySPF, "f:1: TestOnly 1: has no value; write \"name = value\", or remove the line"},
		{"two equals signs", "TestOnly = 1 = 2\n", PySPF, "f:1: TestOnly: has two equals signs, and pyspf-milter ignores such a line; write one \"name = value\" on a line"},
		{"unknown", "Sylog yes\n", OpenDKIM, "f:1: Sylog: is no option of opendkim; did you mean Syslog?"},
		{"of another peer", "RejectFailures yes\n", OpenDKIM, "f:1: RejectFailures: is no option of opendkim; opendmarc has it; is this the right file?"},
		{"no boolean", "RejectFailures maybe\n", OpenDMARC, `f:1: RejectFailures: "maybe" is neither yes nor no; write yes or no`},
		{"no number", "DNSTimeout 5s\n", OpenDMARC, `f:1: DNSTimeout: "5s" is no number; write a whole number`},
		{"no action", "On-BadSignature bounce\n", OpenDKIM, `f:1: On-BadSignature: "bounce" is no action; write one of accept, discard, quarantine, reject, tempfail`},
		{"no word", "HELO_reject = Yes\n", PySPF, `f:1: HELO_reject: "Yes" is not known; write one of Fail, Softfail, SPF_Not_Pass, Null, False, No_Check`},
		{"a database", "PeerList dsn:mysql://x\n", OpenDKIM, "f:1: PeerList: a dsn: data set is a database, which Postvet does not read; write the entries into a text file, one a line, and name that"},
		{"a relative file", "PeerList refile:hosts\n", OpenDKIM, "f:1: PeerList: the file \"hosts\" has no absolute path; write the entries into a text file, one a line, and name that"},
		{"hosts where opendmarc reads a file", "IgnoreHosts 127.0.0.1,192.0.2.0/24\n", OpenDMARC, `f:1: IgnoreHosts: "127.0.0.1,192.0.2.0/24" is no absolute path: opendmarc reads a file of hosts here, and does not start if there is none of this name; write the hosts into a file, one a line, and name that`},
		{"a byte order mark", "\ufeffSyslog yes\n", OpenDKIM, `f:1: begins with a byte order mark, which opendkim takes for a part of the name; remove it (sed -i '1s/^\xef\xbb\xbf//' FILE)`},
		{"another alphabet", "# M\xfcller's\nAuthservID m\xfcller\n", OpenDMARC, "f:2: has a letter that is not UTF-8; write it in UTF-8"},
		{"no text", "a\x00b", OpenARC, "f:1: is no text; name the configuration file of openarc"},
	} {
		settings, err := Read(c.peer, "f", []byte(c.text))
		if err == nil {
			_, err = Translate(settings, nil)
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
}

func FuzzTranslate(f *testing.F) {
	for _, s := range []string{
		"Mode sv\nKeyTable /k\nPeerList 192.0.2.1,!x.example\nOn-Default reject\n", "RejectFailures yes\nIgnoreHosts /f\nIgnoreMailFrom a.example,b\n",
		"TestOnly = 0\nMail_From_reject = SPF_Not_Pass\n", "AuthservID a/b\nInclude /x\n",
		"Mode sv\nDomain a.example\nSelector s\nKeyFile /k\nInternalHosts 192.0.2.0/24,localhost\nPeerList 192.0.2.1\n",
	} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		var all []Setting
		for peer, text := range map[Peer]string{OpenDKIM: a, OpenDMARC: b, PySPF: a, OpenARC: b} {
			s, err := Read(peer, "f", []byte(text))
			if err != nil {
				return
			}
			for _, one := range s {
				if optionNamed(peer, one.Name) != nil {
					all = append(all, one)
				}
			}
		}
		p, err := Translate(all, nil)
		if err != nil {
			return
		}
		for _, it := range p.Items {
			if it.Outcome == "" {
				t.Errorf("%s %s has no outcome", it.Peer, it.Name)
			}
		}
		for line := range strings.Lines(p.TOML("")) {
			if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\n\r\x00") {
				t.Errorf("%q breaks a line", line)
			}
		}
		p.EditPostfix("main.cf", a, "inet:1")
		p.EditSendmail("sendmail.mc", b, "inet:1@h")
	})
}

// TestEveryOptionHasAnOutcome sets each option alone, to see that none is
// forgotten.
func TestEveryOptionHasAnOutcome(t *testing.T) {
	t.Parallel()
	for peer, list := range options {
		for _, o := range list {
			value := map[kind]string{text: "x", boolean: "yes", number: "3", dataset: "192.0.2.1", hostFile: "/hosts", action: "reject"}[o.kind]
			if o.words != nil {
				value = o.words[0]
			}
			p, err := Translate([]Setting{{peer, o.name, value, "f", 1}}, nil)
			if err != nil {
				t.Errorf("%s %s: %v", peer, o.name, err)
				continue
			}
			if len(p.Items) != 1 || p.Items[0].Outcome == "" || p.Items[0].Outcome == NoCounterpart && p.Items[0].Note == "" {
				t.Errorf("%s %s: %+v", peer, o.name, p.Items)
			}
		}
	}
}
