package submission

// BeyondLoopback has a client believe that its MTA is on another machine.
func BeyondLoopback(c *Client) { c.loopback = false }
