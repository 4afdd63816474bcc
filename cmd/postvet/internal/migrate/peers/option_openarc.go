package peers

// noteSealing is the note on options about outgoing mail.
const noteSealing = "sealing is not taken over: set [seal] if you forward mail, see postvet-seal(7), or leave it to openarc"

// openarcOptions is the other options of OpenARC 1.3.
var openarcOptions = []option{
	{name: "AuthResComments", kind: boolean, outcome: Changed, note: "the field has no comments"},
	{name: "AuthResIP", kind: boolean, outcome: Kept, note: "the result has smtp.remote-ip"},
	{name: "Canonicalization", outcome: Changed, note: noteSealing},
	{name: "Domain", outcome: Changed, note: noteSealing},
	{name: "FinalReceiver", kind: boolean, outcome: Changed, note: "trust.sealers uses the chain without it"},
	{name: "FixedTimestamp", outcome: Changed, note: noteTest},
	{name: "Include"},
	{name: "InternalHosts", kind: dataset, byDefault: "127.0.0.1"},
	{name: "KeepTemporaryFiles", kind: boolean, outcome: Changed, note: "\"postvet check --trace\" is for that"},
	{name: "KeyFile", outcome: Changed, note: noteSealing},
	{name: "MaximumHeaders", kind: number},
	{name: "MinimumKeySizeRSA", kind: number, byDefault: "1024"},
	{name: "Mode"},
	{name: "OversignHeaders", outcome: Changed, note: noteSealing},
	{name: "PeerList", kind: dataset},
	{name: "PermitAuthenticationOverrides", kind: boolean, outcome: Changed, note: "results are never taken from fields of the message"},
	{name: "RequireSafeKeys", kind: boolean, outcome: Changed, note: noteSealing},
	{name: "ResponseDisabled", outcome: NoCounterpart, note: "a message is checked or exempt"},
	{name: "ResponseUnable"},
	{name: "ResponseUnwilling", outcome: NoCounterpart, note: "a message is checked or exempt"},
	{name: "SealHeaderChecks", outcome: Changed, note: noteSealing},
	{name: "Selector", outcome: Changed, note: noteSealing},
	{name: "SignatureAlgorithm", outcome: Changed, note: noteSealing},
	{name: "SignatureTTL", kind: number, outcome: Changed, note: noteSealing},
	{name: "SignHeaders", outcome: Changed, note: noteSealing},
	{name: "TemporaryDirectory", outcome: Changed, note: "nothing is written to disk"},
	{name: "TestKeys", outcome: Changed, note: noteTest},
}
