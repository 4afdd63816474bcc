package peers

// noteDKIMPy is the note on options that the signing of dkimpy-milter does not have.
const noteDKIMPy = "it is about signing, which this dkimpy-milter goes on to do"

// dkimpyOptions is the options of dkimpy-milter 1.2, and those of opendkim that the
// translation of signing asks for.
var dkimpyOptions = []option{
	{name: "AuthservID"},
	{name: "Canonicalization", outcome: Changed, note: noteDKIMPy},
	{name: "debugLevel", kind: number, outcome: Changed, note: "[log] level = \"debug\""},
	{name: "DiagnosticDirectory", outcome: NoCounterpart, note: "\"postvet check --trace\" says of a stored message why a signature fails"},
	{name: "DNSOverride", outcome: Changed, note: noteTest},
	{name: "DNSTimeout", kind: number, byDefault: "5"},
	{name: "Domain", kind: dataset, outcome: Changed, note: noteDKIMPy},
	{name: "InternalHosts", kind: dataset, byDefault: "127.0.0.1", outcome: Changed, note: noteDKIMPy},
	{name: "KeyFile", outcome: Changed, note: noteDKIMPy},
	{name: "KeyFileEd25519", outcome: Changed, note: noteDKIMPy},
	{name: "KeyTable", outcome: Changed, note: noteDKIMPy},
	{name: "KeyTableEd25519", outcome: NoCounterpart, note: "one KeyTable is read: add these lines to it, and set sign.opendkim.multiple and sign.ed25519"},
	{name: "MacroList", outcome: Changed, note: noteDKIMPy},
	{name: "MacroListVerify", outcome: Changed, note: "what is no mail of your users is checked"},
	{name: "MinimumKeyBits", kind: number, byDefault: "1024"},
	{name: "Mode", byDefault: "sv"},
	{name: "PidFile", outcome: Changed, note: noteService},
	{name: "Selector", outcome: Changed, note: noteDKIMPy},
	{name: "SelectorEd25519", outcome: Changed, note: noteDKIMPy},
	{name: "SignHeaders", outcome: Changed, note: noteDKIMPy},
	{name: "SigningTable", outcome: Changed, note: noteDKIMPy},
	{name: "SigningTableEd25519", outcome: NoCounterpart, note: "one SigningTable is read: add these lines to it, and set sign.opendkim.multiple and sign.ed25519"},
	{name: "Socket"},
	{name: "SubDomains", kind: boolean, outcome: Changed, note: noteDKIMPy},
	{name: "Syslog", kind: boolean, outcome: Changed, note: noteLog},
	{name: "SyslogFacility", outcome: Changed, note: noteLog},
	{name: "SyslogSuccess", kind: boolean, outcome: Changed, note: "each message has a line in the log"},
	{name: "UMask"},
	{name: "UserID", outcome: Changed, note: noteService},
}
