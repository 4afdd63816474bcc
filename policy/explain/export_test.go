package explain

// Hints is for tests that make results themselves.
var Hints = hints
