package condition_test

import (
	"fmt"

	"github.com/postvet/postvet/policy/condition"
)

func Example() {
	c, err := condition.Compile(`dmarc == "fail" and not any(rcpts, # endsWith "@lists.example.org")`, condition.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rcpt := range []string{"joe@example.org", "go@lists.example.org"} {
		holds, err := c.Holds(&condition.Facts{DMARC: "fail", Rcpts: []string{rcpt}})
		fmt.Println(rcpt, holds, err)
	}

	// A word that DMARC never results in is an error, with its place.
	_, err = condition.Compile(`dmarc == "failed"`, condition.Options{})
	fmt.Println(err)
	// Output:
	// joe@example.org true <nil>
	// go@lists.example.org false <nil>
	// line 1, column 10: dmarc is never "failed"; did you mean fail?
}

func ExampleNewTest() {
	key, _ := condition.KeyNamed("from")
	test, problem, remedy := condition.NewTest(key, []string{"example.com", ".example.com", "!news.example.com"}, condition.Lists{})
	if problem != "" {
		fmt.Println(problem, remedy)
		return
	}
	for _, from := range []string{"example.com", "shop.example.com", "news.example.com", "example.net"} {
		fmt.Println(from, test.Holds(&condition.Facts{From: from}))
	}
	// Output:
	// example.com true
	// shop.example.com true
	// news.example.com false
	// example.net false
}
