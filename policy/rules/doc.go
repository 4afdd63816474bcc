// Package rules decides what is done with a message. [Rules.Decide] takes the results
// of the evaluators and the administrator's configuration, and returns a verdict.
//
// The package uses no clock, no DNS and no files. A decision changes neither the
// results nor the rules, so several rules can decide about one message.
//
// [Steps] is the order of decisions, and its only copy in code. Some steps end a
// message early, others apply DMARC, and others change the outcome of DMARC. Each has
// its rule, its configuration keys, its reply codes and the actions that it concerns.
// The verdict's Overrides name the exceptions from what the author's domain asks for,
// and its Refused names exceptions that nearly applied.
package rules
