// Package explain puts what was found and decided into words: the reply to the
// sender, the sentences and hints of the log, and the trace. It decides nothing.
//
// All functions are pure: they take results and a verdict, which they do not
// change, and return text. What comes from outside is one line of printable ASCII
// in it, of bounded length (see package foreign): a reply has at most 450 octets, a
// sentence 300, a verdict twelve sentences and four hints.
package explain
