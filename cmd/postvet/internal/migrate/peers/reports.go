package peers

import "strings"

// Reports is how opendmarc must be set to go on with its reports behind Postvet, which
// sends none yet.
type Reports struct {
	// File is opendmarc's, and Settings the lines that it needs.
	File     string   `json:"file"`
	Settings []string `json:"settings"`
	// Notes say why, and what else is to be done.
	Notes []string `json:"notes"`
}

// reports sets how an opendmarc that keeps a history must be set. Behind Postvet it
// must read the DKIM results of Postvet's field, or it reports good mail as failed; and
// nobody may take its own field for Postvet's.
func (p *Plan) reports() {
	history, ok := p.setting(OpenDMARC, "HistoryFile")
	if !ok {
		return
	}
	own, ours := "opendmarc", "HOSTNAME"
	if id, ok := p.draft.get("authserv_id"); ok && id != quoted("") {
		ours = strings.Trim(id, `"`)
		own += "." + ours
	}
	p.Reports = &Reports{
		File: history.File,
		Settings: []string{
			"AuthservID " + own, "TrustedAuthservIDs " + ours, "SPFIgnoreResults true", "SPFSelfValidate true",
			"RejectFailures false", "RequiredHeaders false", "RejectMultiValueFrom false",
		},
		Notes: []string{
			"put opendmarc behind Postvet on the MTA's list, and take opendkim and the SPF filter off it: Postvet's field has what they wrote",
			"AuthservID is a name of its own, as nobody may take its field for Postvet's",
			"TrustedAuthservIDs is Postvet's name: opendmarc checks no signature itself, and without it every signature counts as missing, so that good mail is reported as failed",
			"SPFIgnoreResults and SPFSelfValidate have opendmarc look up SPF itself: of several results in a field it takes the last. With trust.relays set both to false and keep policy.spf_helo = false, since opendmarc takes the relay for the client",
			"IgnoreHosts must be a file with the entries of [exempt] addresses: Postvet writes no results for these clients, and a field in its name that they send stays",
			"Postvet alone refuses mail. What it refuses or defers never reaches opendmarc, and is missing in its reports",
			"this is for the meantime, until Postvet sends reports itself",
		},
	}
}
