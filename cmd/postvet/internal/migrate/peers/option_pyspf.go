package peers

// The words of pyspf-milter.
var (
	helo      = []string{"Fail", "Softfail", "SPF_Not_Pass", "Null", "False", "No_Check"}
	mailFrom  = []string{"Fail", "Softfail", "SPF_Not_Pass", "False", "No_Check"}
	trueFalse = []string{"True", "False"}
)

// pyspfOptions is the options of pyspf-milter 3.0.4. Its "False", "Fail" and the like
// are words, not booleans.
var pyspfOptions = []option{
	{name: "Authserv_Id", byDefault: "HOSTNAME"},
	{name: "debugLevel", kind: number, outcome: Changed, note: "[log] level"},
	{name: "defaultSeedOnly", kind: number, outcome: Changed, note: "it is an older name of TestOnly"},
	{name: "Domain_Whitelist"},
	{name: "Domain_Whitelist_PTR"},
	{name: "Header_Type", byDefault: "SPF"},
	{name: "HELO_pass_restriction", outcome: NoCounterpart, note: "it is for Postfix's restriction classes; write a [[rule]]"},
	{name: "HELO_reject", words: helo, byDefault: "Fail"},
	{name: "HELO_Whitelist"},
	{name: "Hide_Receiver", outcome: Changed, note: "the field has no receiver"},
	{name: "InternalHosts", kind: dataset, byDefault: "127.0.0.1"},
	{name: "IntHosts", outcome: Changed, note: "it is not meant to be set"},
	{name: "Lookup_Time", kind: number, byDefault: "20"},
	{name: "MacroList"},
	{name: "MacroListVerify"},
	{name: "Mail_From_pass_restriction", outcome: NoCounterpart, note: "it is for Postfix's restriction classes; write a [[rule]]"},
	{name: "Mail_From_reject", words: mailFrom, byDefault: "Fail"},
	{name: "Mock", outcome: Changed, note: noteTest},
	{name: "No_Mail", words: trueFalse, byDefault: "False"},
	{name: "Per_User", outcome: Changed, note: "pyspf-milter does not use it; a [[rule]] can ask for the recipient"},
	{name: "PermError_reject", words: trueFalse, byDefault: "False"},
	{name: "PidFile", outcome: Changed, note: noteService},
	{name: "Prospective", outcome: Changed, note: "\"postvet check --ip ADDRESS\" shows what another address would get"},
	{name: "QueueID", outcome: Changed, note: "each line of the log has the queue id"},
	{name: "Reason_Message", outcome: Changed, note: "the reply names the domain and what failed; policy.help_url adds a page of yours"},
	{name: "Reject_Not_Pass_Domains"},
	{name: "skip_addresses", byDefault: "127.0.0.0/8,::ffff:127.0.0.0/104,::1"},
	{name: "Socket", byDefault: "local:/run/pyspf-milter/pyspf-milter.sock"},
	{name: "SPF_Enhanced_Status_Codes", outcome: Changed, note: "replies always carry them (RFC 7372)"},
	{name: "TempError_Defer", words: trueFalse, byDefault: "False"},
	{name: "TestOnly", kind: number, byDefault: "1"},
	{name: "UMask"},
	{name: "UserID", outcome: Changed, note: noteService},
	{name: "Void_Limit", kind: number, byDefault: "2"},
	{name: "Whitelist"},
	{name: "Whitelist_Lookup_Time", kind: number, outcome: Changed, note: "dns.timeout bounds each lookup"},
}
