// Package browser tests the web page as a person uses it: a running service with a journal
// of two weeks, behind a proxy, in Debian's Chromium. Its tests look for faults that no
// HTML shows: what the Content-Security-Policy stops, errors of scripts, pages that are
// wider than a telephone, and what axe-core finds in each page and colour.
//
//	go test ./cmd/postvet/internal/web/browser -run TestPages -pictures "$PWD/contrib/web/pictures"
//
// also takes the pictures of the README. Without Chromium the tests are skipped.
package browser
