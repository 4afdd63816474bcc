package result

// Report is what `postvet check --json` prints: the contract of the command line.
type Report struct {
	*Results
	Verdict               Verdict `json:"verdict"`
	AuthenticationResults string  `json:"authentication_results"`
	// Shadow is what the shadow policy would have done; nil if there is none.
	Shadow *Verdict `json:"shadow,omitempty"`
}
