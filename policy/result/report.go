package result

// Report is what "postvet check --json" prints. Fields may be added, but never
// renamed.
type Report struct {
	*Results
	Verdict               Verdict `json:"verdict"`
	AuthenticationResults string  `json:"authentication_results"`
	// Shadow is the verdict of the shadow policy; nil if there is none.
	Shadow *Verdict `json:"shadow,omitempty"`
}
