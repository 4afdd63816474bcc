package rows

// ForgetAddress returns the queries that select the messages from and to an address, to be
// forgotten.
func ForgetAddress(address string) []Query { return []Query{{From: address}, {To: address}} }

// ForgetDomain returns the queries that select the messages of authors in a domain, and those
// from and to it.
func ForgetDomain(domain string) []Query {
	return []Query{{Domain: domain}, {From: domain}, {To: domain}}
}
