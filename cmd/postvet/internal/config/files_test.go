package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFiles: every way to name a file is found, with the line that names it.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"hosts", "relays", "partners", "senders", "shadow-senders"} {
		text := "partner.example\n"
		if name == "relays" || name == "hosts" {
			text = "192.0.2.1\n"
		}
		write(t, at(name), text)
	}
	write(t, at("more.toml"), "[[rule]]\nname = \"one\"\nmail_from = [\"file:"+at("senders")+"\"]\naction = \"reject\"\n")
	write(t, at("next.toml"), "[[rule]]\nname = \"two\"\nmail_from = [\"!file:"+at("shadow-senders")+"\"]\naction = \"reject\"\n")
	main := at("postvet.toml")
	write(t, main, "rules = [\"more.toml\"]\nshadow_rules = [\""+at("next.toml")+"\"]\n[dns]\nsnapshot = \""+at("dns.snapshot")+"\"\n"+
		"[trust]\nrelays = [\"file:"+at("relays")+"\", \"192.0.2.2\"]\n[exempt]\naddresses = [\"file:"+at("hosts")+"\"]\nnames = [\"file:"+at("hosts")+"\"]\n"+
		"[lists]\npartners = [\"file:"+at("partners")+"\"]\n")
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	want := []NamedFile{
		{at("more.toml"), "rules", main + ":1", false},
		{at("next.toml"), "shadow_rules", main + ":2", false},
		{at("relays"), "trust.relays", main + ":6", false},
		{at("hosts"), "exempt.addresses", main + ":8", false},
		{at("partners"), "lists.partners", main + ":11", false},
		{at("senders"), "rule one", at("more.toml") + ":1", false},
		{at("shadow-senders"), "rule two", at("next.toml") + ":1", false},
		{at("dns.snapshot"), "dns.snapshot", main + ":4", true},
	}
	if d := cmp.Diff(want, c.Files()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if files := Default().Files(); len(files) > 0 {
		t.Errorf("by default: %v", files)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
