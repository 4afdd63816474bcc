// Package explain describes results and decisions in words: the reply to the sender,
// the sentences and hints of the log, and the trace. It decides nothing.
//
// The functions return text and do not change the results and verdicts they take.
// Foreign text in it is one line of printable ASCII of bounded length (see package
// foreign). A reply has at most 450 octets, a sentence 300, and a verdict has at most
// twelve sentences and four hints.
package explain
