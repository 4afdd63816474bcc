//go:build race

package policy_test

func init() { playJudgementCorpus = false }
