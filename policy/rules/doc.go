// Package rules decides what is done with a message: [Rules.Decide] turns what
// the evaluators found, and what the administrator wants, into a verdict.
//
// All of it is pure: no clock, no DNS, no file. A decision reads results and rules
// and changes neither, so that one message can be decided about by several rules.
//
// [Steps] is the order of decisions, and the only copy of it in code: the steps
// that may end a message early, DMARC, and those that may change what DMARC led
// to, each with its rule, its configuration keys, its reply codes and the actions
// that it concerns. An override of the verdict names what turned the action away
// from what the author's domain asks for; the verdict's field Refused names what
// nearly did.
package rules
